// What the judge says of a change after its settle time.
import type { Evidence } from '../core/subject.ts';

export interface Judgement {
  /**
   * `kept`: it did no harm, and there is evidence. `undo`: harm that the change itself can cause. `escalate`: a person must look,
   * the change stays. `no-data`: it cannot be told yet. `under-way`: what was begun has not ended and may still take its time;
   * it is looked at again, for as long as the judge says so.
   */
  readonly verdict: 'kept' | 'undo' | 'escalate' | 'no-data' | 'under-way';
  /** `verify/<rule>` */
  readonly rule: string;
  readonly sentence: string;
  readonly evidence: Evidence;
  /** For people: whether what the change was made for came about. Absent where a change that is kept has done what it should. */
  readonly succeeded?: boolean;
}

/** A judgement whose evidence is still to be added. */
export type Finding = Omit<Judgement, 'evidence'>;

export function finding(verdict: Finding['verdict'], rule: string, sentence: string): Finding {
  return { verdict, rule: `verify/${rule}`, sentence };
}

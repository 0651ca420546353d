// What an action kind is. One file a kind; the executor, the journal and every fault test work on this interface alone.
import type { z } from 'zod';
import type { ActionProposal, Inverse } from '../core/action.ts';
import type { JsonObject } from '../core/json.ts';
import type { TeamPolicy } from '../core/policy.ts';
import type { Ports } from '../ports/ports.ts';
import type { Judgement } from './judgement.ts';

/**
 * Where the target stands now, seen from an action:
 * `from` as the facts showed it, `to` as the action wants it, `elsewhere` something else, `gone` no longer there.
 */
export interface Look {
  readonly at: 'from' | 'to' | 'elsewhere' | 'gone';
  /** What was found, one sentence for journal and report. */
  readonly found: string;
}

export interface ActionKind {
  /** `<system>.<verb>` */
  readonly kind: string;
  readonly target: z.ZodType<JsonObject>;
  /** The shape of `from` and `to`. */
  readonly change: z.ZodType<JsonObject>;
  /**
   * True when the platform itself refuses the change unless the target is still at `from`.
   * Only then may the executor try again after a lost reply: a late first request and a second one make one effect.
   */
  readonly guardedByPlatform: boolean;
  /** No duty proposes it: it only takes an action of another kind back. */
  readonly isInverseOnly?: true;
  /** Re-reads the target: the precondition before the change, and the probe after a lost reply or a crash. */
  look(ports: Ports, action: ActionProposal): Promise<Look>;
  /** Makes the change; gives the platform's answer as one sentence. Throws a PlatformError whose `applied` is honest. */
  apply(ports: Ports, action: ActionProposal): Promise<string>;
  inverse(action: ActionProposal): Inverse;
  /** Largest factor between `to` and `from`, and between `to` and what the workload declares. 1 where size means nothing. */
  growth(action: ActionProposal): { readonly step: number; readonly total: number | undefined };
  /** What the target looks like to a judge: before the change (stored with the intent) and after its settle time, in one shape. */
  observe(
    ports: Ports,
    team: TeamPolicy,
    action: ActionProposal,
    now: string,
    moment: 'before' | 'after',
  ): Promise<JsonObject>;
  /** It is judged by what came after alone: the look before the change is spared. */
  readonly judgedByOutcome?: true;
  /** Compares; pure. `before` is undefined when it could not be read then. Never `kept` without evidence. */
  judge(action: ActionProposal, before: JsonObject | undefined, after: JsonObject): Judgement;
  /** Seconds until it is judged, and between two looks at what is under way; the policy's `guardrails.settle` when absent. */
  settleSeconds?(team: TeamPolicy, action: ActionProposal): number;
  /** The change in words, e.g. "memory limit 1Gi → 1280Mi of shop/web-1/app". */
  describe(action: ActionProposal): string;
}

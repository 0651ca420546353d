// What a model's sentences may be made of: a closed list of facts, with the words that each is called by. Made by a duty's report
// from its decisions; the check holds every sentence against it. It holds no text of the model and decides nothing.

/** A value with the phrases that say what it is a value of; a phrase fits in any number and in any case. */
export type Fact =
  | {
      readonly unit: 'count';
      readonly value: number;
      readonly said: readonly string[];
      /** The whole that the other counts are parts of, by its noun: "of 4 pods". */
      readonly wholeOf?: string;
    }
  /** A share of one; said as a percentage, whole or with one decimal, rounded half up. */
  | { readonly unit: 'share'; readonly value: number; readonly said: readonly string[] }
  /** A size that is set is said exactly, in any unit that makes it the same; a measured one may be rounded to one decimal. */
  | {
      readonly unit: 'bytes' | 'millicores';
      readonly value: number;
      readonly said: readonly string[];
      readonly isMeasured?: boolean;
    }
  | { readonly unit: 'seconds'; readonly value: number; readonly said: readonly string[] }
  /** A point in time, ISO: its date, its time of day to the minute in UTC, its weekday. */
  | { readonly unit: 'time'; readonly value: string };

export type Unit = Fact['unit'];

/** What was done to a subject, or would be: a verb with its object, and both ends where it moved a size. */
export interface Deed {
  /** `done`: it happened. `planned`: it would have; sentences say so by "would". */
  readonly state: 'done' | 'planned';
  /** Verbs that tell it, such as `raised`; no sentence uses one that stands in no deed. */
  readonly said: readonly string[];
  readonly from?: SizeEnd;
  readonly to?: SizeEnd;
}

export interface SizeEnd {
  readonly unit: 'bytes' | 'millicores';
  readonly value: number;
}

/** One thing that was decided about. */
export interface EvidenceItem {
  /** By which sentences call it, each its whole name. */
  readonly names: readonly string[];
  readonly facts: readonly Fact[];
  /** What it is or became, as phrases: `escalated`, `waits for approval`. */
  readonly states: readonly string[];
  readonly deeds: readonly Deed[];
  /** The words of code about it: what the model reads, one line. */
  readonly line: string;
}

export interface Evidence {
  /** Names that belong to the whole: the scope. */
  readonly names: readonly string[];
  readonly facts: readonly Fact[];
  /** The words of code about the whole, for the model to read. */
  readonly lines: readonly string[];
  /** The most telling first: what does not fit into a prompt is left out from the end. */
  readonly items: readonly EvidenceItem[];
  /** Whole addresses and issue keys that sentences may name. */
  readonly links: readonly string[];
}

/** Verbs for a size that grew or shrank: the one place where both lists stand, so that no sentence swaps them. */
export const RAISED = [
  'raised',
  'increased',
  'grew',
  'grown',
  'lifted',
  'bumped',
  'enlarged',
  'larger',
  'higher',
  'more memory',
  'more CPU',
] as const;
export const LOWERED = [
  'lowered',
  'lower',
  'decreased',
  'reduced',
  'trimmed',
  'cut',
  'shrunk',
  'shrank',
  'smaller',
  'less memory',
  'less CPU',
  'gave back',
  'given back',
] as const;

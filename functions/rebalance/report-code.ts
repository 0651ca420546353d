// The summary as the text of a message's code block: it always parses and always fits, at the price of its longest lists.
import { MESSAGE_CODE_CHARACTERS } from '../../shared/core/document.ts';
import { summaryOf } from './report-summary.ts';
import type { SummaryLists } from './report-summary.ts';
import type { RebalanceFacts } from './schema-facts.ts';

export interface SummaryText {
  readonly text: string;
  /** Nothing was left out. */
  readonly isWhole: boolean;
}

/** More entries than this never fit, however short: thousands of pods need not be written out to see that. */
const MOST_ENTRIES = Math.floor(MESSAGE_CODE_CHARACTERS / '{"name":"a","reason":""},'.length);

/** Pretty where that fits, else on one line, else with fewer skipped pods, then fewer rebalanced, then fewer escalated. */
export function summaryText(facts: RebalanceFacts, lists: SummaryLists, dryRun: boolean): SummaryText {
  if (lists.skipped.length + lists.rebalanced.length + lists.escalated.length <= MOST_ENTRIES) {
    const whole = summaryOf(facts, lists, dryRun);
    const pretty = JSON.stringify(whole, null, 2);
    if (fits(pretty)) {
      return { text: pretty, isWhole: true };
    }
    const compact = JSON.stringify(whole);
    if (fits(compact)) {
      return { text: compact, isWhole: true };
    }
  }
  const none = { rebalanced: 0, escalated: 0, skipped: 0 };
  let kept = { rebalanced: lists.rebalanced.length, escalated: lists.escalated.length, skipped: lists.skipped.length };
  for (const list of ['skipped', 'rebalanced', 'escalated'] as const) {
    const size = Math.min(kept[list], MOST_ENTRIES);
    if (fits(shrunk(facts, lists, dryRun, { ...kept, [list]: 0 }))) {
      kept = { ...kept, [list]: most(size, (count) => fits(shrunk(facts, lists, dryRun, { ...kept, [list]: count }))) };
      return { text: shrunk(facts, lists, dryRun, kept), isWhole: false };
    }
    kept = { ...kept, [list]: 0 };
  }
  return { text: shrunk(facts, lists, dryRun, none), isWhole: false };
}

type Kept = Readonly<Record<keyof SummaryLists, number>>;

function shrunk(facts: RebalanceFacts, lists: SummaryLists, dryRun: boolean, kept: Kept): string {
  const some: SummaryLists = {
    rebalanced: lists.rebalanced.slice(0, kept.rebalanced),
    escalated: lists.escalated.slice(0, kept.escalated),
    skipped: lists.skipped.slice(0, kept.skipped),
  };
  return JSON.stringify(
    summaryOf(facts, some, dryRun, {
      rebalanced: lists.rebalanced.length - some.rebalanced.length,
      escalated: lists.escalated.length - some.escalated.length,
      skipped: lists.skipped.length - some.skipped.length,
    }),
  );
}

/** The largest number up to `limit` that fits; 0 does. */
function most(limit: number, doesFit: (count: number) => boolean): number {
  let [low, high] = [0, limit];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (doesFit(middle)) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return low;
}

/** The chat counts after escaping. */
function fits(text: string): boolean {
  const escapes = text.match(/[&<>]/gu) ?? [];
  const added = escapes.reduce((sum, character) => sum + (character === '&' ? 4 : 3), 0);
  return text.length + added <= MESSAGE_CODE_CHARACTERS;
}

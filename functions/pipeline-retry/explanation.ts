// What the log classifier says, in the shape and the bounds of this duty's facts. Pure.
import type { LogExplanation } from '../../shared/core/log/explain.ts';
import type { Explanation } from './schema-facts.ts';

const LINES = 10;
/** A telling line is seldom longer, and facts hold the lines of many steps. */
const LONGEST_LINE = 500;

export function explanationOf(explained: LogExplanation): Explanation {
  const { verdict, category, signature, confidence, lines } = explained;
  return {
    verdict,
    category: category ?? null,
    signature: signature ?? null,
    confidence,
    lines: lines.slice(0, LINES).map(({ number, text }) => ({ number, text: text.slice(0, LONGEST_LINE) })),
  };
}

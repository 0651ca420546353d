// log → why it failed. Pure: the same text and catalogue give the same explanation, offline and without a model.
import type { Catalogue } from './signature.ts';
import { readLines } from './log-line.ts';
import type { LogLine } from './log-line.ts';
import { failingSegments } from './segment.ts';
import type { Segment } from './segment.ts';
import { tellingLines } from './telling-lines.ts';
import { segmentVerdict } from './verdict.ts';
import type { SegmentVerdict } from './verdict.ts';

export interface LogExplanation {
  /** `transient`: the same commit would pass when run again; `regular`: it would not; `unknown`: never run again by itself. */
  readonly verdict: 'transient' | 'regular' | 'unknown';
  readonly category: string | undefined;
  /** `<category>/<id>` of the catalogue. */
  readonly signature: string | undefined;
  /** Why the category is judged as it is, a sentence of the catalogue. */
  readonly why: string | undefined;
  /** Most telling first; numbers from 1 in the raw log. At most 60. */
  readonly lines: readonly LogLine[];
  /** 0 to 1. */
  readonly confidence: number;
}

/**
 * Why the job with this log failed. `firstLine` is the number of the text's first line where the text is only the end of a log.
 * Never throws; time grows with the length of the text, of which the last 2 Mi characters are looked at.
 */
export function explainLog(text: string, catalogue: Catalogue, firstLine = 1): LogExplanation {
  const lines = readLines(text, firstLine);
  const judged = failingSegments(lines).map((segment) => ({ segment, ...segmentVerdict(lines, segment, catalogue) }));
  const ruling = rulingOf(judged);
  if (ruling === undefined) {
    return { verdict: 'unknown', category: undefined, signature: undefined, why: undefined, lines: [], confidence: 0 };
  }
  const { verdict, decisive, confidence, segment, matches } = ruling;
  const alike = matches.filter(({ known }) => known.isTransient === decisive?.known.isTransient);
  const matched = [...(decisive === undefined ? [] : [decisive.at]), ...alike.map(({ at }) => at).toReversed()];
  const named = verdict === 'unknown' ? undefined : decisive?.known;
  return {
    verdict,
    category: named?.category,
    signature: named?.name,
    why: named?.why,
    lines: tellingLines(lines, segment, [...new Set(matched)].slice(0, 12)),
    confidence,
  };
}

type Judged = SegmentVerdict & { readonly segment: Segment };

/** Of several failed steps, one that the change is at fault for rules them all; without one, doubt about any is doubt about all. */
function rulingOf(judged: readonly Judged[]): Judged | undefined {
  for (const verdict of ['regular', 'unknown', 'transient'] as const) {
    const found = judged.findLast((one) => one.verdict === verdict);
    if (found !== undefined) {
      return found;
    }
  }
  return undefined;
}

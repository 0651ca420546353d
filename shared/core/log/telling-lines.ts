// Which lines of a failed job a person should read first. Knows no category; every line is one of the log, with its number.
import type { LogLine } from './log-line.ts';
import type { Segment } from './segment.ts';

/** A message shows a handful, a page all of them. */
const MAX_LINES = 60;
const MAX_SHOWN_CHARACTERS = 500;
const BEFORE = 3;
const AFTER = 8;
/** Of lines that look like errors, at most this many before the end of the segment is shown as it is. */
const MAX_ERROR_LINES = 20;

const LOUD =
  /\b(?:error|fatal|failed|failure|failures|exception|panic|traceback|denied|refused|unable to|cannot|could not|can't|couldn't|not found|no such|undefined|unresolved|invalid|timed? ?out|aborted|killed|unexpected|missing|mismatch|conflict|violation|E\d{3,4})\b|(?:Error|Exception)\b|^E\s{2,}\S|✖|✗|✕|●|--- FAIL|^FAIL\b|^\s*FAILED/i;
const QUIET =
  /\b(?:0 (?:errors?|failures?|failed)|no errors?|errors?: 0|failures?: 0|--no-error|ignore(?:d|s)? error|error_reporting|continue-on-error)\b|^(?:\++|\$) |^section_|^\s*(?:WARN|warning)/i;
const WRAPPER =
  /^(?:make(?:\[\d+\])?: \*\*\*|npm ERR! (?:code|errno|A complete log|lifecycle|\s*at )|npm error (?:code|A complete log)|error Command failed|ERROR: Job failed: (?:exit code|command terminated)|##\[error\]Process completed|Finished: |ERROR: script returned)/i;

/** The places of the most telling lines, most telling first, at most 60. `matched` come first, in their order. */
export function tellingLines(
  lines: readonly LogLine[],
  segment: Segment,
  matched: readonly number[],
): readonly LogLine[] {
  const places = new Set<number>(matched);
  const errors = errorPlaces(lines, segment);
  const first = matched[0] ?? errors[0];
  const add = (at: number): void => {
    if (places.size < MAX_LINES && at >= 0 && at < lines.length && isShown(lines[at]?.text ?? '')) {
      places.add(at);
    }
  };
  if (first !== undefined) {
    add(first);
    for (let at = first - BEFORE; at <= first + AFTER; at += 1) {
      add(at);
    }
  }
  for (const at of errors.slice(0, MAX_ERROR_LINES)) {
    add(at);
    add(at + 1);
  }
  segment.verdictLines.slice(0, 3).forEach(add);
  for (let at = segment.end - 1; at >= segment.start && places.size < MAX_LINES; at -= 1) {
    add(at);
  }
  return [...places].slice(0, MAX_LINES).flatMap((at) => {
    const line = lines[at];
    return line === undefined ? [] : [{ number: line.number, text: line.text.slice(0, MAX_SHOWN_CHARACTERS) }];
  });
}

function isShown(text: string): boolean {
  return text.trim() !== '' && !text.startsWith('section_');
}

/** Lines that look like errors: the last stretch of them from its beginning, since tools name the first cause first. */
function errorPlaces(lines: readonly LogLine[], { start, end, verdictLines }: Segment): readonly number[] {
  const places: number[] = [];
  for (let at = end - 1; at >= start && places.length < 4 * MAX_ERROR_LINES; at -= 1) {
    const text = lines[at]?.text ?? '';
    if (LOUD.test(text) && !QUIET.test(text)) {
      places.push(at);
    }
  }
  const telling = places.filter((at) => !WRAPPER.test(lines[at]?.text.trim() ?? ''));
  const chosen = telling.length > 0 ? telling : places;
  return chosen.length > 0 ? chosen : [...verdictLines];
}

// The lines of a raw log as a person sees them: without colours, overwritten progress, and the prefixes of CI systems.
// Keeps the number that each has in the raw log; judges nothing.

export interface LogLine {
  /** From 1, in the raw log. */
  readonly number: number;
  readonly text: string;
}

/** More than this from the end of a log is never looked at: what failed last stands there. */
export const MAX_LOG_CHARACTERS = 2 * 1024 * 1024;
/** A longer line is a file that was printed; only its beginning and its end are kept. */
const MAX_LINE_CHARACTERS = 4000;

/** The lines of the end of `text`, in order. `firstLine` is the number of its first line, where it is itself a part of a log. */
export function readLines(text: string, firstLine = 1): readonly LogLine[] {
  const { start, number } = lastPart(text, firstLine);
  const lines: LogLine[] = [];
  let current = number;
  for (let from = start; from <= text.length; current += 1) {
    const found = text.indexOf('\n', from);
    const end = found === -1 ? text.length : found;
    if (from < end || found !== -1) {
      pushLine(lines, text.slice(from, end), current);
    }
    from = end + 1;
  }
  return lines;
}

function lastPart(text: string, firstLine: number): { readonly start: number; readonly number: number } {
  if (text.length <= MAX_LOG_CHARACTERS) {
    return { start: 0, number: firstLine };
  }
  let number = firstLine;
  let start = 0;
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) {
    number += 1;
    start = at + 1;
    if (text.length - start <= MAX_LOG_CHARACTERS) {
      return { start, number };
    }
  }
  return { start: Math.max(start, text.length - MAX_LOG_CHARACTERS), number };
}

/** GitLab writes a section's beginning or end, a carriage return, and then the section's title on the same line. */
const SECTION = /section_(?:start|end):\d+:[A-Za-z0-9_.-]+/g;

function pushLine(lines: LogLine[], raw: string, number: number): void {
  if (raw.includes('section_')) {
    for (const [mark] of raw.matchAll(SECTION)) {
      lines.push({ number, text: mark.replace(/:\d+:/, ':') });
    }
    const rest = cleanedLine(raw.replaceAll(/section_(?:start|end):\d+:[A-Za-z0-9_.-]+(?:\[[^\]]{0,200}\])?/g, '\r'));
    if (rest !== '') {
      lines.push({ number, text: rest });
    }
    return;
  }
  lines.push({ number, text: cleanedLine(raw) });
}

// CSI, OSC and two-character escapes; and what is left of a colour when something on the way dropped the escape character.
const ESCAPES = /\u001B(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001B]*(?:\u0007|\u001B\\)?|[@-Z\\-_])/g;
const BARE_COLOURS = /\u241B?\[(?:\d{1,3}(?:;\d{1,3}){0,4})?(?:;?m|0?K)/g;
const CONTROLS = /[\u0000-\u0008\u000B-\u001F\u007F\uFEFF]/g;
const HAS_CONTROLS = /[\u0000-\u0008\u000B-\u001F\u007F\uFEFF]/;

const TIME = String.raw`\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?`;
/** Job, step and time before each line of a downloaded log; then times by themselves, with GitLab's stream mark. */
const DOWNLOADED = new RegExp(`^[^\\t]{1,200}\\t[^\\t]{1,200}\\t(?=${TIME})`);
const TIMESTAMP = new RegExp(`^\\[?${TIME}\\]? ?(?:\\d\\d[OE][+ ]?)?`);
const CLOCK = /^\[?\d\d:\d\d:\d\d(?:[.,]\d{1,6})?\]? {1,2}/;
/** BuildKit numbers the step of each line and counts its seconds. */
const BUILDKIT = /^#\d{1,4} (?:\d{1,6}\.\d{1,4} )?/;

/** One raw line without its line break. */
export function cleanedLine(raw: string): string {
  let text = raw.includes('\r') ? lastShown(raw) : raw;
  if (text.length > MAX_LINE_CHARACTERS) {
    text = `${text.slice(0, MAX_LINE_CHARACTERS / 2)} … ${text.slice(-MAX_LINE_CHARACTERS / 2)}`;
  }
  if (text.includes('\u001B')) {
    text = text.replaceAll(ESCAPES, '');
  }
  if (text.includes('[')) {
    text = text.replaceAll(BARE_COLOURS, '');
  }
  if (HAS_CONTROLS.test(text)) {
    text = text.replaceAll(CONTROLS, '');
  }
  return withoutPrefixes(text).trimEnd();
}

/** What stands on the screen after the last carriage return; a bare one at the end belongs to the line break. */
function lastShown(raw: string): string {
  const parts = raw.split('\r').filter((part) => part.replaceAll(ESCAPES, '').trim() !== '');
  return parts.at(-1) ?? '';
}

function withoutPrefixes(text: string): string {
  const first = text.charCodeAt(0);
  const mayBeTime = (first >= 48 && first <= 57) || first === 91;
  let rest = text;
  if (!mayBeTime && text.includes('\t') && DOWNLOADED.test(text)) {
    rest = text.replace(DOWNLOADED, '');
  } else if (!mayBeTime && first !== 35) {
    return text;
  }
  return rest.replace(TIMESTAMP, '').replace(CLOCK, '').replace(BUILDKIT, '');
}

// Tables as aligned plain text, for terminals and code blocks with a fixed-width font. Cells are foreign text: what would move
// the cursor, colour the terminal or turn the reading direction is taken out. Escaping for a vendor's syntax is the adapter's job.

const GAP = '  ';
const ELLIPSIS = '…';

// ESC [ … letter (colours, cursor) and ESC ] … BEL or ESC \ (titles, links): without their end they are control characters only.
const TERMINAL_SEQUENCE = /\u001b\[[0-?]*[ -/]*[@-~]|\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)/g;
const WHITE_SPACE = /[\s\u0085]+/gu;
// Controls, and the format characters that reverse or hide text. The joiners U+200C and U+200D stay: emoji and scripts need them.
const INVISIBLE = /[\p{Cc}\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]/gu;

/** ASCII, Latin, dashes, quotes, the ellipsis and straight arrows: each is one column and joins with nothing beside it. */
const NARROW = /^[\x20-\x7e\u00a1-\u00ac\u00ae-\u024f\u2010-\u2027\u2190-\u2193]*$/;
const WIDE =
  /^(?:\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff01-\uff60\uffe0-\uffe6]|[\u{17000}-\u{18cff}\u{1b000}-\u{1b2ff}\u{20000}-\u{3fffd}])/u;
const EMOJI_BY_SELECTOR = /^\p{Emoji}.*\ufe0f/u;
const WITHOUT_WIDTH = /^[\p{Mn}\p{Me}\p{Cf}]+$/u;

/** Made when the first text that is not all narrow is measured: it costs ten milliseconds of a start. */
let segmenter: Intl.Segmenter | undefined;

function graphemesOf(text: string): Iterable<Intl.SegmentData> {
  segmenter ??= new Intl.Segmenter('en', { granularity: 'grapheme' });
  return segmenter.segment(text);
}

export interface TableOptions {
  /** Columns that are never cut. */
  readonly keep?: readonly number[];
  /** Columns of the terminal. The widest columns of the table give way first; what does not fit ends in "…". */
  readonly maxWidth?: number;
}

/** The table as lines joined by newlines: a header, then one line a row, columns left-aligned. Missing cells are empty. */
export function renderTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  options: TableOptions = {},
): string {
  const lines = [header, ...rows].map((row) => row.map(cleaned));
  const columns = Math.max(0, ...lines.map((line) => line.length));
  const natural = Array.from({ length: columns }, (_, column) =>
    lines.reduce((widest, line) => Math.max(widest, textWidth(line[column] ?? '')), 0),
  );
  // Some pseudo-terminals report 0 columns: then nothing is known about their width.
  const maxWidth = options.maxWidth === undefined || options.maxWidth < 1 ? undefined : options.maxWidth;
  const widths =
    maxWidth === undefined ? natural : narrowedBut(natural, maxWidth - GAP.length * (columns - 1), options.keep ?? []);
  return lines
    .map((line) => {
      const text = widths
        .map((width, column) => padded(truncated(line[column] ?? '', width), width))
        .join(GAP)
        .trimEnd();
      return maxWidth === undefined ? text : truncated(text, maxWidth);
    })
    .join('\n');
}

/** Columns that a text takes in a terminal: two for East Asian wide characters and emoji, none for combining marks. */
export function textWidth(text: string): number {
  if (NARROW.test(text)) {
    return text.length;
  }
  let width = 0;
  for (const { segment } of graphemesOf(text)) {
    width += graphemeWidth(segment);
  }
  return width;
}

function graphemeWidth(grapheme: string): number {
  if (WITHOUT_WIDTH.test(grapheme)) {
    return 0;
  }
  return WIDE.test(grapheme) || EMOJI_BY_SELECTOR.test(grapheme) ? 2 : 1;
}

/** One line, and nothing in it but what is seen. */
function cleaned(cell: string): string {
  return (
    cell
      .toWellFormed()
      .replaceAll(TERMINAL_SEQUENCE, '')
      .replaceAll(WHITE_SPACE, ' ')
      .replaceAll(INVISIBLE, '')
      .trim()
      // A mark at the beginning would join the gap before it.
      .replace(/^\p{M}+/u, '')
  );
}

/** Narrows all columns but those that make no sense when they are cut, such as ids. */
function narrowedBut(natural: readonly number[], room: number, keep: readonly number[]): readonly number[] {
  const kept = natural.reduce((sum, width, column) => sum + (keep.includes(column) ? width : 0), 0);
  const rest = narrowed(
    natural.filter((_width, column) => !keep.includes(column)),
    room - kept,
  );
  let next = 0;
  return natural.map((width, column) => (keep.includes(column) ? width : (rest[next++] ?? 0)));
}

/** Cuts the widest columns down to one common width, so that short ones stay whole; no column vanishes. */
function narrowed(natural: readonly number[], available: number): readonly number[] {
  let level = Math.max(1, Math.min(available, Math.max(1, ...natural)));
  const total = (limit: number): number => natural.reduce((sum, width) => sum + Math.min(width, limit), 0);
  while (level > 1 && total(level) > available) {
    level -= 1;
  }
  // The last step may have freed more than was needed: the leftmost of the cut columns get it back.
  let spare = available - total(level);
  return natural.map((width) => {
    const isWidened = width > level && spare > 0;
    spare -= isWidened ? 1 : 0;
    return Math.min(width, level + (isWidened ? 1 : 0));
  });
}

function truncated(text: string, width: number): string {
  if (textWidth(text) <= width) {
    return text;
  }
  if (width < 1) {
    return '';
  }
  let kept = '';
  let used = 0;
  for (const { segment } of graphemesOf(text)) {
    const next = used + graphemeWidth(segment);
    if (next > width - 1) {
      break;
    }
    kept += segment;
    used = next;
  }
  return `${kept.trimEnd()}${ELLIPSIS}`;
}

function padded(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - textWidth(text)));
}

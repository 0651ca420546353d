// Spans as Slack's mrkdwn. All text is foreign here: it must not format, link, mention, ping or hide anything.
// https://docs.slack.dev/messaging/formatting-message-text
import type { Line, Span } from '../../core/document.ts';
import type { IssueLink } from '../../ports/chat.ts';

export type Links = Readonly<Record<string, IssueLink>>;

const ZERO_WIDTH_SPACE = '\u200B';

/** mrkdwn has no escape for its own marks: these look the same and mean nothing. */
const LOOKALIKES: Readonly<Record<string, string>> = { '*': '\u2217', _: '\u02CD', '~': '\u223C', '`': '\u02CB' };

/** One line without line breaks, control, bidi and zero-width characters; each run of them becomes one space. */
export function oneLine(text: string): string {
  return text.toWellFormed().replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ');
}

/** Slack decodes these three and no others. */
export function escapeEntities(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** Text that reads as it is written: no format, no emoji by name, no link, no mention. */
export function escapeText(text: string): string {
  const harmless = oneLine(text)
    // With `verbatim` and `parse: none` Slack leaves these alone; older clients and copies into other channels do not.
    .replace(/@(?=here|channel|everyone|group)/gi, `@${ZERO_WIDTH_SPACE}`)
    .replace(/:(?=[\p{L}\p{N}_+'-]+:)/gu, `:${ZERO_WIDTH_SPACE}`)
    .replace(/[*_~`]/g, neutralMark);
  return escapeEntities(harmless);
}

/** A mark between two letters or two spaces formats nothing, and names such as `my_pod` can be copied as they are. */
function neutralMark(mark: string, index: number, text: string): string {
  const before = text[index - 1] ?? '';
  const after = text[index + 1] ?? '';
  const isInside = /[\p{L}\p{N}]/u.test(before) && /[\p{L}\p{N}]/u.test(after);
  const isAlone = before === ' ' && after === ' ';
  return mark !== '`' && (isInside || isAlone) ? mark : (LOOKALIKES[mark] ?? mark);
}

/** The line in at most `most` characters, cut with `…` where it is longer. */
export function renderLine(line: Line, links: Links, most: number): string {
  let out: Piece = NOTHING;
  for (const span of settled(line, links)) {
    const longer = join(out, render(span));
    if (longer.text.length > most) {
      return cutSpan(out, span, most);
    }
    out = longer;
  }
  return out.text;
}

/** Rendered text, and whether its last character is a mark of ours. */
interface Piece {
  readonly text: string;
  readonly startsMarked: boolean;
  readonly endsMarked: boolean;
}

const NOTHING: Piece = { text: '', startsMarked: false, endsMarked: false };

type Settled =
  | { readonly kind: 'text' | 'code' | 'bold'; readonly text: string }
  | { readonly kind: 'link'; readonly text: string; readonly address: string };

/** What each span is shown as; plain ones that touch become one, since `@` and `here` are harmless only apart. */
function settled(line: Line, links: Links): readonly Settled[] {
  const out: Settled[] = [];
  for (const span of line.map((one) => settle(one, links))) {
    const last = out.at(-1);
    if (span.kind === 'text' && last?.kind === 'text') {
      out[out.length - 1] = { kind: 'text', text: last.text + span.text };
    } else if (span.text !== '') {
      out.push(span);
    }
  }
  return out;
}

function settle(span: Span, links: Links): Settled {
  if ('issue' in span) {
    const link = links[span.issue];
    return link === undefined ? { kind: 'text', text: span.text } : linked(labelOf(span.text, link.key), link.url);
  }
  return span.url === undefined ? { kind: span.style ?? 'text', text: span.text } : linked(span.text, span.url);
}

function linked(text: string, url: string): Settled {
  const address = safeAddress(url);
  return address === undefined || text.trim() === '' ? { kind: 'text', text } : { kind: 'link', text, address };
}

function render(span: Settled): Piece {
  switch (span.kind) {
    case 'text':
      return { ...NOTHING, text: escapeText(span.text) };
    case 'code':
      return marked('`', escapeEntities(oneLine(span.text).replaceAll('`', '\u02CB')));
    case 'bold':
      return marked('*', escapeText(span.text.replaceAll('*', '\u2217')));
    case 'link':
      return { ...NOTHING, text: `<${span.address}|${escapeText(span.text).trim()}>` };
  }
}

/** The key tells people which issue it is, also where the link is not shown. */
function labelOf(text: string, key: string): string {
  return text.includes(key) ? text : `${text} ${key}`.trim();
}

/** Slack takes a mark for one only right before and after text, so that blanks go outside. */
function marked(mark: string, text: string): Piece {
  const inner = text.trim();
  if (inner === '') {
    return { ...NOTHING, text };
  }
  const before = text.startsWith(' ') ? ' ' : '';
  const after = text.endsWith(' ') ? ' ' : '';
  return {
    text: `${before}${mark}${inner}${mark}${after}`,
    startsMarked: before === '',
    endsMarked: after === '',
  };
}

/** Only web addresses, and none that could end the link or its address early. */
function safeAddress(url: string): string | undefined {
  const parsed = URL.parse(url);
  if (parsed === null || (parsed.protocol !== 'https:' && parsed.protocol !== 'http:')) {
    return undefined;
  }
  return parsed.href.replaceAll('|', '%7C').replaceAll('<', '%3C').replaceAll('>', '%3E').replaceAll('&', '&amp;');
}

/** A mark counts only at the edge of a word: where text touches it, an invisible blank makes that edge. */
function join(before: Piece, after: Piece): Piece {
  if (before.text === '') {
    // At the beginning of a line `>` quotes, escaped or not.
    return after.text.startsWith('&gt;') ? { ...after, text: `${ZERO_WIDTH_SPACE}${after.text}` } : after;
  }
  const touches =
    (before.endsMarked && (after.startsMarked || /^[\p{L}\p{N}]/u.test(after.text))) ||
    (after.startsMarked && /[\p{L}\p{N}]$/u.test(before.text));
  return {
    text: `${before.text}${touches ? ZERO_WIDTH_SPACE : ''}${after.text}`,
    startsMarked: before.startsMarked,
    endsMarked: after.text === '' ? before.endsMarked : after.endsMarked,
  };
}

/** As much of the span as fits, by cutting its raw text: a cut in the rendered text could break an entity or a link. */
function cutSpan(out: Piece, span: Settled, most: number): string {
  const characters = Array.from(span.text);
  let kept = Math.min(characters.length, most);
  while (kept > 0) {
    const shorter = { ...span, text: `${characters.slice(0, kept).join('')}…` };
    const { text } = join(out, render(shorter));
    if (text.length <= most) {
      return text;
    }
    // No character becomes longer than six when it is escaped.
    kept -= Math.max(1, Math.floor((text.length - most) / 6));
  }
  return out.text.length < most ? `${out.text}…` : out.text;
}

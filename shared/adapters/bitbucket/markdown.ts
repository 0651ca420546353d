// Core blocks as Bitbucket's Markdown: foreign text never formats, links or mentions anybody. What is over the limit is cut.
// https://support.atlassian.com/bitbucket-cloud/docs/markup-comments/
import type { Block, Line, Span } from '../../core/document.ts';

/** Bitbucket refuses a comment of more than 32,768 characters; the rest is for marker and note. */
const MOST_CHARACTERS = 30_000;

export function markdown(blocks: readonly Block[], marker: string): string {
  const parts: string[] = [];
  let room = MOST_CHARACTERS;
  let leftOut = 0;
  for (const block of blocks.map(blockText)) {
    if (leftOut > 0 || block.length > room) {
      leftOut += 1;
    } else {
      parts.push(block);
      room -= block.length + 2;
    }
  }
  const note = leftOut === 0 ? [] : [`… ${String(leftOut)} more left out: a comment holds no more.`];
  return [...parts, ...note, markerText(marker)].join('\n\n');
}

/** The last line of a comment, by which it is found again. */
export function markerText(marker: string): string {
  return `ref: ${codeSpan(marker)}`;
}

function blockText(block: Block): string {
  switch (block.kind) {
    case 'paragraph':
    case 'buttons':
    case 'action':
      return lineText(block.line);
    case 'list':
      return block.lines.map((line) => `* ${lineText(line)}`).join('\n');
    case 'code':
      return fence(block.text);
    case 'table': {
      const rows = [block.header, block.header.map(() => '---'), ...block.rows.map((row) => row.map(escaped))];
      return rows.map((row, index) => `| ${(index === 0 ? row.map(escaped) : row).join(' | ')} |`).join('\n');
    }
  }
}

function lineText(line: Line): string {
  return line.map(spanText).join('');
}

function spanText(span: Span): string {
  if ('issue' in span) {
    return escaped(span.text);
  }
  const shown =
    span.style === 'code'
      ? codeSpan(span.text)
      : span.style === 'bold'
        ? `**${escaped(span.text)}**`
        : escaped(span.text);
  const url = span.url === undefined ? null : URL.parse(span.url);
  const isWeb = url?.protocol === 'https:' || url?.protocol === 'http:';
  return url !== null && isWeb ? `[${shown}](${url.href.replaceAll('(', '%28').replaceAll(')', '%29')})` : shown;
}

/** One line; every character that could begin markup is escaped, and an @ or # cannot become a mention or a link. */
function escaped(text: string): string {
  return oneLine(text)
    .replace(/[\\`*_{}[\]()>#+!|<~-]/g, '\\$&')
    .replaceAll('@', '@\u2060')
    .replace(/:\/\//g, ':\u2060//');
}

function codeSpan(text: string): string {
  const content = oneLine(text);
  const longest = Math.max(0, ...(content.match(/`+/g) ?? []).map((run) => run.length));
  const ticks = '`'.repeat(longest + 1);
  return longest === 0 ? `${ticks}${content}${ticks}` : `${ticks} ${content} ${ticks}`;
}

/** Line breaks and tabs stay; other hidden characters are shown as such. */
function fence(text: string): string {
  const content = text
    .toWellFormed()
    .replaceAll(/\r\n?/g, '\n')
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (hidden) => (hidden === '\n' || hidden === '\t' ? hidden : '\uFFFD'));
  const longest = Math.max(2, ...(content.match(/`+/g) ?? []).map((run) => run.length));
  const ticks = '`'.repeat(longest + 1);
  return `${ticks}\n${content}\n${ticks}`;
}

function oneLine(text: string): string {
  return text.toWellFormed().replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ');
}

// Core blocks as an Atlassian Document, within Jira's limit: what is over is cut, and how much is told.
// ADF carries text as data: nothing in it formats, links or mentions. https://developer.atlassian.com/cloud/jira/platform/apis/document/structure/
import type { Block, Line, Span } from '../../core/document.ts';

type AdfNode = {
  readonly type: string;
  readonly attrs?: Readonly<Record<string, string | number | boolean>>;
  readonly content?: readonly AdfNode[];
  readonly text?: string;
  readonly marks?: readonly AdfMark[];
};

type AdfMark = {
  readonly type: 'code' | 'strong' | 'link' | 'subsup';
  readonly attrs?: Readonly<Record<string, string>>;
};

type AdfDocument = {
  readonly type: 'doc';
  readonly version: 1;
  readonly content: AdfNode[];
};

/**
 * Jira refuses a description or comment of more than 32,767 characters (CONTENT_LIMIT_EXCEEDED). Whether it counts the text
 * or the document is not documented: the document as JSON is the longer of the two.
 */
const MOST_CHARACTERS = 32_767;
const DOCUMENT_CHARACTERS = 200;
const NOTE_CHARACTERS = 300;
/** One endless line must not take the place of all others. */
const MOST_LINE_CHARACTERS = 8000;

/** A description or comment; `reference` becomes its last line, small, by which it is found again. */
export function adfDocument(blocks: readonly Block[], reference?: string): AdfDocument {
  const last = reference === undefined ? [] : [referenceLine(reference)];
  let room = MOST_CHARACTERS - DOCUMENT_CHARACTERS - NOTE_CHARACTERS - lengthOf(last);
  const content: AdfNode[] = [];
  let leftOut = 0;
  for (const { node, lines } of blocks.map(partsOf)) {
    const taken = leftOut > 0 ? [] : fitting(node, lines, room);
    if (taken.length > 0) {
      const whole = node(taken);
      content.push(whole);
      room -= lengthOf([whole]);
    }
    leftOut += lines.length - taken.length;
  }
  const note = leftOut === 0 ? [] : [leftOutNote(leftOut)];
  return { type: 'doc', version: 1, content: [...content, ...note, ...last] };
}

/** All text of a document, its blocks on lines of their own. Takes whatever Jira gave. */
export function adfText(value: unknown): string {
  if (typeof value !== 'object' || value === null) {
    return '';
  }
  const own = 'text' in value && typeof value.text === 'string' ? value.text : '';
  const inner = 'content' in value && Array.isArray(value.content) ? value.content : [];
  const isInline = inner.some((child: unknown) => typeof child === 'object' && child !== null && 'text' in child);
  return own + inner.map(adfText).join(isInline ? '' : '\n');
}

/** The words that `adfText` of a document with this reference ends with. */
export function referenceText(reference: string): string {
  return `ref: ${oneLine(reference)}`;
}

/** Text on one line, without control, bidi and zero-width characters. */
export function oneLine(text: string): string {
  return text.toWellFormed().replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ');
}

/** A block as lines that can be left out one by one, and the node that holds those that stay. */
interface Parts {
  readonly lines: readonly AdfNode[];
  readonly node: (lines: readonly AdfNode[]) => AdfNode;
}

function partsOf(block: Block): Parts {
  switch (block.kind) {
    case 'paragraph':
      return { lines: [paragraphOf(block.line)], node: ([paragraph]) => paragraph ?? { type: 'paragraph' } };
    case 'list':
      return {
        lines: block.lines.map((line) => ({ type: 'listItem', content: [paragraphOf(line)] })),
        node: (content) => ({ type: 'bulletList', content }),
      };
    case 'code':
      return {
        lines: codeLines(block.text).map((line) => ({ type: 'text', text: line })),
        node: (lines) => codeBlock(lines.map((line) => line.text ?? '').join('\n')),
      };
    case 'buttons':
    case 'action':
      return partsOf({ kind: 'paragraph', line: block.line });
    case 'table': {
      const columns = Math.max(1, block.header.length, ...block.rows.map((row) => row.length));
      const header = tableRow('tableHeader', block.header, columns);
      return {
        lines: block.rows.map((row) => tableRow('tableCell', row, columns)),
        node: (rows) => ({ type: 'table', content: [header, ...rows] }),
      };
    }
  }
}

function fitting(node: Parts['node'], lines: readonly AdfNode[], room: number): readonly AdfNode[] {
  let left = room - lengthOf([node([])]);
  const over = lines.findIndex((line) => {
    left -= lengthOf([line]) + 1;
    return left < 0;
  });
  return over === -1 ? lines : lines.slice(0, over);
}

function lengthOf(nodes: readonly AdfNode[]): number {
  return nodes.reduce((sum, node) => sum + JSON.stringify(node).length, 0);
}

function paragraphOf(line: Line): AdfNode {
  return { type: 'paragraph', content: line.flatMap(spanNodes) };
}

/** Jira refuses empty text nodes. */
function spanNodes(span: Span): readonly AdfNode[] {
  const text = cut(oneLine(span.text));
  const marks = 'issue' in span ? [] : marksOf(span);
  return text === '' ? [] : [{ type: 'text', text, ...(marks.length === 0 ? {} : { marks }) }];
}

/** Jira takes `code` together with a link, not with `strong`; a span has one style. */
function marksOf(span: Exclude<Span, { issue: string }>): readonly AdfMark[] {
  const style: readonly AdfMark[] =
    span.style === undefined ? [] : [{ type: span.style === 'code' ? 'code' : 'strong' }];
  const href = span.url === undefined ? undefined : webAddress(span.url);
  return href === undefined ? style : [...style, { type: 'link', attrs: { href } }];
}

function webAddress(url: string): string | undefined {
  const parsed = URL.parse(url);
  return parsed !== null && (parsed.protocol === 'https:' || parsed.protocol === 'http:') ? parsed.href : undefined;
}

/** Line breaks and tabs stay; other hidden characters are shown as such. */
function codeLines(text: string): readonly string[] {
  return text
    .toWellFormed()
    .replaceAll(/\r\n?/g, '\n')
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (hidden) => (hidden === '\n' || hidden === '\t' ? hidden : '\uFFFD'))
    .split('\n')
    .map(cut);
}

function cut(line: string): string {
  return line.length <= MOST_LINE_CHARACTERS
    ? line
    : `${line
        .slice(0, MOST_LINE_CHARACTERS)
        .toWellFormed()
        .replace(/\uFFFD$/, '')}…`;
}

function codeBlock(text: string): AdfNode {
  return { type: 'codeBlock', ...(text === '' ? {} : { content: [{ type: 'text', text }] }) };
}

function tableRow(type: 'tableHeader' | 'tableCell', cells: readonly string[], columns: number): AdfNode {
  return {
    type: 'tableRow',
    content: Array.from({ length: columns }, (_, column) => ({
      type,
      content: [paragraphOf([{ text: cells[column] ?? '' }])],
    })),
  };
}

function referenceLine(reference: string): AdfNode {
  return {
    type: 'paragraph',
    content: [{ type: 'text', text: referenceText(reference), marks: [{ type: 'subsup', attrs: { type: 'sub' } }] }],
  };
}

function leftOutNote(lines: number): AdfNode {
  const words = `… ${lines} more ${lines === 1 ? 'line' : 'lines'} left out: Jira takes at most 32,767 characters.`;
  return { type: 'paragraph', content: [{ type: 'text', text: words }] };
}

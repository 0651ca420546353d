// A core Message as Slack blocks and fallback text, within Slack's limits: what is over is cut, and how much is told.
// Limits: https://docs.slack.dev/reference/block-kit/blocks
import type { Block, Line, Message } from '../../core/document.ts';
import { renderTable } from '../../core/table.ts';
import { type ActionsBlock, actionsBlock, charactersOf } from './buttons.ts';
import { fencedText } from './fence.ts';
import { escapeText, oneLine, renderLine, type Links } from './mrkdwn.ts';

type SlackBlock =
  | ActionsBlock
  | {
      readonly type: 'header';
      readonly text: { readonly type: 'plain_text'; readonly text: string; readonly emoji: true };
    }
  | {
      readonly type: 'section';
      /** `verbatim`: Slack turns no bare address, channel or user name into a link. */
      readonly text: { readonly type: 'mrkdwn'; readonly text: string; readonly verbatim: true };
    };

export interface RenderedMessage {
  /** What notifications and clients without blocks show. */
  readonly text: string;
  readonly blocks: readonly SlackBlock[];
}

const MOST_HEADER_CHARACTERS = 150;
const MOST_SECTION_CHARACTERS = 3000;
const MOST_BLOCKS = 50;
/**
 * Not documented: the texts of all blocks together are refused (`msg_blocks_too_long`) from about 13,400 characters,
 * to which each block adds 125 (slackapi/bolt-js#2509). Some room is left.
 */
const MOST_CHARACTERS = 13_000;
const CHARACTERS_OF_A_BLOCK = 125;
const NOTE_CHARACTERS = 100;
/** chat.update refuses more than 4,000 bytes, of which it may count our escapes twice; a notification shows far less. */
const MOST_TEXT_BYTES = 2000;
const MOST_CELL_CHARACTERS = 60;
const FENCE_CHARACTERS = '```\n\n```'.length;

/** Slack's form of a message. An issue without a link in `links` stays plain text. */
export function renderMessage(message: Message, links: Links): RenderedMessage {
  const title = cut(oneLine(message.title).trim(), MOST_HEADER_CHARACTERS) || 'Nightshift';
  const flows = message.blocks
    .map((block, place) => flowOf(block, links, place))
    .filter(({ lines }) => lines.length > 0);
  return {
    text: fallbackText(title, flows),
    blocks: [{ type: 'header', text: { type: 'plain_text', text: title, emoji: true } }, ...sectionsOf(title, flows)],
  };
}

/** Lines that stand together: they share sections, and go over into the next when one is full. */
interface Flow {
  readonly kind: 'text' | 'code';
  readonly lines: readonly string[];
  /** What people may do about the lines, right below them: shown with them or not at all. */
  readonly actions?: ActionsBlock;
}

function flowOf(block: Block, links: Links, place: number): Flow {
  switch (block.kind) {
    case 'paragraph':
    case 'action':
      return { kind: 'text', lines: textLines([block.line], '', links) };
    case 'list':
      return { kind: 'text', lines: textLines(block.lines, '• ', links) };
    case 'buttons': {
      const lines = textLines([block.line], '', links);
      return {
        kind: 'text',
        lines,
        ...(block.buttons.length === 0 ? {} : { actions: actionsBlock(block.buttons, place) }),
      };
    }
    case 'code':
      return { kind: 'code', lines: codeLines(block.text) };
    case 'table':
      return { kind: 'code', lines: codeLines(tableText(block.header, block.rows)) };
  }
}

function textLines(lines: readonly Line[], bullet: string, links: Links): readonly string[] {
  return lines
    .map((line) => renderLine(line, links, MOST_SECTION_CHARACTERS - bullet.length))
    .filter((line) => line.trim() !== '')
    .map((line) => `${bullet}${line}`);
}

function tableText(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = (row: readonly string[]): string[] => row.map((cell) => cut(oneLine(cell), MOST_CELL_CHARACTERS));
  return renderTable(cells(header), rows.map(cells));
}

/** The lines of a fenced block; a line that no section can hold is broken between characters, never inside an entity. */
function codeLines(text: string): readonly string[] {
  if (text.trim() === '') {
    return [];
  }
  const most = MOST_SECTION_CHARACTERS - FENCE_CHARACTERS;
  return fencedText(text)
    .split('\n')
    .flatMap((line) => (line.length <= most ? [line] : pieces(line, most)));
}

function pieces(line: string, most: number): readonly string[] {
  const out: string[] = [];
  let piece = '';
  for (const [character] of line.matchAll(/&(?:amp|lt|gt);|./gsu)) {
    if (piece.length + character.length > most) {
      out.push(piece);
      piece = '';
    }
    piece += character;
  }
  return [...out, piece];
}

function sectionsOf(title: string, flows: readonly Flow[]): readonly SlackBlock[] {
  const sections: SlackBlock[] = [];
  let room = MOST_CHARACTERS - title.length - 2 * CHARACTERS_OF_A_BLOCK - NOTE_CHARACTERS;
  let leftOut = 0;
  for (const { kind, lines, actions } of flows) {
    let rest = lines;
    const below = actions === undefined ? 0 : charactersOf(actions) + CHARACTERS_OF_A_BLOCK;
    const blocksBelow = Number(actions !== undefined);
    while (rest.length > 0 && leftOut === 0) {
      const fences = kind === 'code' ? FENCE_CHARACTERS : 0;
      const taken = fitting(rest, Math.min(MOST_SECTION_CHARACTERS, room - CHARACTERS_OF_A_BLOCK - below) - fences);
      // One block is the header, and one is kept for the note.
      if (taken === 0 || sections.length + blocksBelow >= MOST_BLOCKS - 2) {
        break;
      }
      const text = rest.slice(0, taken).join('\n');
      sections.push(section(kind === 'code' ? `\`\`\`\n${text}\n\`\`\`` : text));
      room -= text.length + fences + CHARACTERS_OF_A_BLOCK;
      rest = rest.slice(taken);
      if (actions !== undefined) {
        sections.push(actions);
        room -= below;
      }
    }
    leftOut += rest.length;
  }
  return leftOut === 0
    ? sections
    : [...sections, section(`… ${leftOut} more ${leftOut === 1 ? 'line' : 'lines'} left out.`)];
}

/** How many of the lines fit, each but the first after a line break. */
function fitting(lines: readonly string[], most: number): number {
  let length = -1;
  const over = lines.findIndex((line) => {
    length += 1 + line.length;
    return length > most;
  });
  return over === -1 ? lines.length : over;
}

function section(text: string): SlackBlock {
  return { type: 'section', text: { type: 'mrkdwn', text, verbatim: true } };
}

function fallbackText(title: string, flows: readonly Flow[]): string {
  const lines = flows.filter(({ kind }) => kind === 'text').flatMap((flow) => flow.lines);
  let text = escapeText(title);
  for (const line of lines) {
    if (Buffer.byteLength(`${text}\n${line}`) > MOST_TEXT_BYTES) {
      return text;
    }
    text = `${text}\n${line}`;
  }
  return text;
}

function cut(text: string, most: number): string {
  return text.length <= most
    ? text
    : `${text
        .slice(0, most - 1)
        .toWellFormed()
        .replace(/\uFFFD$/, '')}…`;
}

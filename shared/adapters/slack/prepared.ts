// Messages that callers wrote in Slack's own form: taken as they are but for what pings people, pretends to be a button or fetches
// something. What is refused is refused before anything is sent.
import { CallerError } from '../../core/errors.ts';
import type { Json, JsonObject } from '../../core/json.ts';
import type { PreparedMessage } from '../../ports/chat.ts';

/** Blocks that show text alone. An image is fetched by Slack, a button looks like one of ours. */
const TYPES: ReadonlySet<string> = new Set([
  'header',
  'section',
  'divider',
  'context',
  'rich_text',
  'table',
  'markdown',
]);
/** Slack takes 40,000 and recommends 4,000: https://docs.slack.dev/reference/methods/chat.postMessage */
const MOST_TEXT_CHARACTERS = 4000;
const MOST_BLOCKS = 50;
const MOST_BLOCK_CHARACTERS = 13_000;
const DEEPEST = 12;

/** A CallerError names the block that is not taken. */
export function harmlessMessage({ text, blocks }: PreparedMessage): PreparedMessage {
  if (blocks === undefined) {
    return { text: harmless(text).slice(0, MOST_TEXT_CHARACTERS) };
  }
  if (blocks.length > MOST_BLOCKS || JSON.stringify(blocks).length > 2 * MOST_BLOCK_CHARACTERS) {
    throw new CallerError(`blocks: more than ${String(MOST_BLOCKS)} blocks, or too much text in them.`, {
      field: 'blocks',
      remedy: 'Slack takes 50 blocks with about 13,000 characters together.',
    });
  }
  return {
    text: harmless(text).slice(0, MOST_TEXT_CHARACTERS),
    blocks: blocks.map((block, index) => harmlessBlock(block, `blocks[${String(index)}]`)),
  };
}

function harmlessBlock(block: JsonObject, at: string): JsonObject {
  const { type } = block;
  if (typeof type !== 'string' || !TYPES.has(type) || 'accessory' in block) {
    throw new CallerError(`${at}: a block of type ${JSON.stringify(type)} is not taken.`, {
      field: at,
      remedy: `Blocks that show text alone are: ${[...TYPES].join(', ')}; without accessory.`,
    });
  }
  return harmlessValue(block, at, 0) as JsonObject;
}

function harmlessValue(value: Json, at: string, depth: number): Json {
  if (depth > DEEPEST) {
    throw new CallerError(`${at}: nested too deeply.`, { field: at });
  }
  if (typeof value === 'string') {
    return harmless(value);
  }
  if (value === null || typeof value !== 'object') {
    return value;
  }
  if (Array.isArray(value)) {
    return value.map((item: Json) => harmlessValue(item, at, depth + 1));
  }
  const object = value as JsonObject;
  if (['broadcast', 'usergroup', 'user', 'image', 'button'].includes(String(object['type']))) {
    throw new CallerError(`${at}: an element of type ${String(object['type'])} is not taken.`, {
      field: at,
      remedy: 'Write names as text: nobody is pinged by what a caller says.',
    });
  }
  return Object.fromEntries(Object.entries(object).map(([key, member]) => [key, harmlessValue(member, at, depth + 1)]));
}

/** `<!channel>`, `<!here>`, `<!subteam^…>` and `<@U…>` ping; as text they do not. */
function harmless(text: string): string {
  return text.replaceAll(/<(?=[!@])/g, '&lt;');
}

// One question to the model: fill, ask, check, once more with the error shown, else say why not. Knows no message and no run.
import { z } from 'zod';
import { describeError } from '../core/errors.ts';
import { checkWording } from '../core/wording/check.ts';
import type { Evidence } from '../core/wording/evidence.ts';
import type { Model, ModelMessage, ModelReply } from '../ports/model.ts';
import type { FilledPrompt } from './fill.ts';
import { estimatedTokens, plainLine } from './foreign-text.ts';
import { type Prompt, replySchema } from './prompt.ts';

export interface AskInput {
  readonly model: Model;
  readonly prompt: Prompt;
  readonly filled: FilledPrompt;
  readonly evidence: Evidence;
  /** Seconds that are left for a call; at most 0 ends the asking. */
  readonly secondsLeft: () => number;
}

export type Asked = {
  /** The text of each reply as it came, in order. */
  readonly replies: readonly ModelReply[];
} & ({ readonly text: string } | { readonly why: string });

const ATTEMPTS = 2;
/** Of a reply that was refused, for the second attempt. */
const SHOWN_CHARACTERS = 600;
/** Rather too many for the longest text of a reply: a token holds more than two characters of English. */
const CHARACTERS_A_TOKEN = 2.5;

const Text = z.lazy(() => z.strictObject({ text: z.string() }));

/** Never fails: what goes wrong is the `why`. */
export async function askForWords(input: AskInput): Promise<Asked> {
  const { model, prompt, filled, evidence } = input;
  const replies: ModelReply[] = [];
  let messages: readonly ModelMessage[] = filled.messages;
  let why = 'there was no time left for the model';
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const deadlineSeconds = input.secondsLeft();
    if (deadlineSeconds <= 0) {
      break;
    }
    try {
      const reply = await model.ask({
        task: prompt.tier,
        messages,
        schema: replySchema(prompt),
        promptTokens: messages.reduce((sum, { content }) => sum + estimatedTokens(content), 0),
        replyTokens: replyTokens(prompt),
        deadlineSeconds,
      });
      replies.push(reply);
      const read = readReply(prompt, reply.text);
      const checked = 'why' in read ? { ok: false as const, why: read.why } : checkWording(read.text, evidence);
      if (checked.ok && 'text' in read) {
        return { replies, text: read.text };
      }
      why = checked.ok ? 'the reply holds no text' : checked.why;
      messages = [
        ...filled.messages,
        // Foreign text too: it may hold whatever the evidence held.
        { role: 'assistant', content: plainLine(reply.text, SHOWN_CHARACTERS) },
        {
          role: 'user',
          content: `That was refused: ${plainLine(why, SHOWN_CHARACTERS)}. Write it again from the evidence alone.`,
        },
      ];
    } catch (error) {
      return { replies, why: describeError(error) };
    }
  }
  return { replies, why };
}

function replyTokens({ reply }: Prompt): number {
  const characters = Object.values(reply.properties).reduce(
    (sum, one) => sum + ('maxLength' in one ? one.maxLength : 40),
    0,
  );
  return Math.ceil(characters / CHARACTERS_A_TOKEN) + 20;
}

function readReply(prompt: Prompt, text: string): { readonly text: string } | { readonly why: string } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { why: 'the reply is no JSON' };
  }
  const parsed = Text.safeParse(value);
  const most = prompt.reply.properties['text'];
  if (!parsed.success || (most !== undefined && 'maxLength' in most && parsed.data.text.length > most.maxLength)) {
    return { why: 'the reply is not of the wanted shape' };
  }
  return { text: parsed.data.text.trim() };
}

// A model's sentences for a message that is already out: asked after the work and the delivery, within what is left of the run's
// time, checked, and put in place of the template's by an edit of the outbox. Nothing waits for it and nothing fails for it.
import { describeError } from '../core/errors.ts';
import type { ReportedWords, Wording } from '../core/report.ts';
import { askForWords, type Asked } from '../prompt/ask.ts';
import { fillPrompt } from '../prompt/fill.ts';
import { parsePrompt, type Prompt } from '../prompt/prompt.ts';
import { shippedPrompt } from '../prompt/shipped-prompts.ts';
import type { RunContext } from './context.ts';
import { deliverRun } from './outbox.ts';
import type { MessageEntry } from './outbox-entry.ts';
import { messageOf } from './wake.ts';
import { recordWrite, type RunRecord } from './run-record.ts';
import type { RecordedWords } from './recording.ts';

/** For the edit and the record, when the model takes all that it may. */
const EDIT_SECONDS = 10;
const ATTEMPTS = 4;
const ATTEMPT_PAUSE_MILLISECONDS = 500;
const KEPT_REPLY_CHARACTERS = 4000;

/**
 * Whose sentences stand in the run's message now. `undefined` where no model is configured, the duty has none to be worded, or
 * nothing was told. `endsAt` is the end of the run's time, in milliseconds since 1970.
 */
export async function wordRun(
  context: RunContext,
  wording: Wording | undefined,
  endsAt: number,
  progress: (message: string) => void = () => undefined,
): Promise<ReportedWords | undefined> {
  try {
    const asked = await askAfter(context, wording, endsAt, progress);
    if (asked === undefined) {
      return undefined;
    }
    const recorded = await put(context, asked);
    const { by, why, model, prompt, seconds } = recorded;
    context.log.info(
      { words: by, why, model, prompt, seconds },
      `the ${by === 'model' ? "model's" : "template's"} words stand`,
    );
    return { by, why };
  } catch (error) {
    const why = context.mask(describeError(error));
    context.log.error({ words: 'template', error: why }, "the model's words could not be put into the message");
    return { by: 'template', why };
  }
}

interface Answer {
  readonly prompt: Prompt;
  readonly asked: Asked;
  readonly model: string;
  readonly seconds: number;
}

async function askAfter(
  context: RunContext,
  wording: Wording | undefined,
  endsAt: number,
  progress: (message: string) => void,
): Promise<Answer | undefined> {
  const { model, store, clock } = context.ports;
  const { model: policy } = context.team;
  if (wording === undefined || model === undefined || policy === 'none' || context.isStopping?.() === true) {
    return undefined;
  }
  const told = await store.read<MessageEntry>('outbox', messageOf(context));
  if (told?.data.posted === undefined) {
    return undefined;
  }
  const prompt = parsePrompt(await shippedPrompt(context.duty, wording.prompt), `${context.duty}/${wording.prompt}.md`);
  const name = model.nameFor(prompt.tier);
  progress(`asking ${name} for the words of the message`);
  const begun = clock.now().getTime();
  const { deadlineSeconds, budgetSeconds } = policy.ollama;
  const secondsLeft = (): number => {
    const now = clock.now().getTime();
    const ofRun = (endsAt - now) / 1000 - EDIT_SECONDS;
    return Math.min(deadlineSeconds, budgetSeconds - (now - begun) / 1000, ofRun);
  };
  const evidence = wording.evidence;
  const asked = await askForWords({ model, prompt, filled: fillPrompt(prompt, evidence), evidence, secondsLeft });
  return { prompt, asked, model: name, seconds: (clock.now().getTime() - begun) / 1000 };
}

/** Keeps what was said with the run, and hands words that passed to the outbox. */
async function put(context: RunContext, { prompt, asked, model, seconds }: Answer): Promise<RecordedWords> {
  const words = 'text' in asked ? context.mask(asked.text) : undefined;
  const edited = words !== undefined && (await replaceWords(context, words));
  const why =
    'why' in asked ? asked.why : edited ? null : 'the message was being changed by another delivery at the time';
  const recorded: RecordedWords = {
    by: edited ? 'model' : 'template',
    why: why === null ? null : context.mask(why),
    prompt: `${prompt.id}@${String(prompt.version)}`,
    model,
    replies: asked.replies.map(({ text }) => context.mask(text.slice(0, KEPT_REPLY_CHARACTERS))),
    seconds,
  };
  await record(context, recorded);
  if (edited) {
    await deliverRun(context, context.runId, 0);
  }
  return recorded;
}

/** Stores the words in the message's entry and makes it due: an edit is the outbox's, and repeats without harm. */
async function replaceWords(context: RunContext, words: string): Promise<boolean> {
  const { store, clock } = context.ports;
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const told = await store.read<MessageEntry>('outbox', messageOf(context));
    const now = clock.now().toISOString();
    if (told?.data.posted === undefined) {
      return false;
    }
    if (told.data.claimedUntil === undefined || told.data.claimedUntil <= now) {
      const data: MessageEntry = { ...told.data, words, state: 'pending', dueAt: now };
      const write = { op: 'replace', collection: 'outbox', id: told.data.id, data, version: told.version } as const;
      if ((await store.commit([write])).committed) {
        return true;
      }
    }
    await clock.sleep(ATTEMPT_PAUSE_MILLISECONDS);
  }
  return false;
}

async function record(context: RunContext, words: RecordedWords): Promise<void> {
  const { store } = context.ports;
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const before = await store.read<RunRecord>('runs', context.runId);
    if (before === undefined) {
      return;
    }
    if ((await store.commit([recordWrite(context.team, before, { ...before.data, words })])).committed) {
      return;
    }
  }
  context.log.warn({ runId: context.runId }, 'what the model said could not be kept with the run');
}

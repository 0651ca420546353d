// A model's sentences for a message that is already out: asked after the work and the delivery, within what is left of the run's
// time, checked, and handed to the outbox. A summary takes the place of the template's words, an analysis is said in the thread.
// Nothing waits for them and nothing fails for them.
import { bold, paragraph, text } from '../core/document.ts';
import { describeError } from '../core/errors.ts';
import { masked } from '../core/mask.ts';
import type { ReportedWords, Wording } from '../core/report.ts';
import { askForWords, type Asked } from '../prompt/ask.ts';
import { fillPrompt } from '../prompt/fill.ts';
import { parsePrompt, type Prompt } from '../prompt/prompt.ts';
import { shippedPrompt } from '../prompt/shipped-prompts.ts';
import type { Model } from '../ports/model.ts';
import type { RunContext } from './context.ts';
import { deliverRun, outboxWrite } from './outbox.ts';
import type { MessageEntry } from './outbox-entry.ts';
import { messageOf } from './wake.ts';
import { recordWrite, type RunRecord } from './run-record.ts';
import type { RecordedWords } from './recording.ts';

/** For the edit and the record, when the model takes all that it may. */
const EDIT_SECONDS = 10;
const ATTEMPTS = 4;
const ATTEMPT_PAUSE_MILLISECONDS = 500;
const KEPT_REPLY_CHARACTERS = 4000;

/** What a model words of a run, in the order in which it is asked. */
const PARTS = ['words', 'analysis'] as const;
type Part = (typeof PARTS)[number];

/** Whose sentences stand where; a part is absent where no model was to be asked for it. */
export type Worded = Readonly<Partial<Record<Part, ReportedWords>>>;

/** What a report offers to be worded. Its evidence is not masked yet. */
export interface ToWord {
  readonly wording: Wording | undefined;
  readonly analysis: Wording | undefined;
}

/** Asks for what the report offers to be worded. `endsAt` is the end of the run's time, in milliseconds since 1970. */
export async function wordRun(
  context: RunContext,
  { wording, analysis }: ToWord,
  endsAt: number,
  progress: (message: string) => void = () => undefined,
): Promise<Worded> {
  const wanted = { words: wording, analysis };
  const asking = await openAsking(context, endsAt, progress).catch((error: unknown) => ({ error }));
  const worded: Partial<Record<Part, ReportedWords>> = {};
  let isSilent: string | undefined;
  for (const part of PARTS) {
    if (asking === undefined || wanted[part] === undefined) {
      continue;
    }
    try {
      if ('error' in asking) {
        throw asking.error;
      }
      const answer = await ask(context, asking, wanted[part], isSilent);
      // Who gave no reply at all is not asked again in this run.
      isSilent ??= answer.asked.replies.length === 0 && 'why' in answer.asked ? answer.asked.why : undefined;
      const recorded = await put(context, part, answer);
      const { by, why, model, prompt, seconds } = recorded;
      context.log.info(
        { part, words: by, why, model, prompt, seconds },
        `the ${by === 'model' ? "model's" : "template's"} words stand`,
      );
      worded[part] = { by, why };
    } catch (error) {
      const why = context.mask(describeError(error));
      context.log.error({ part, words: 'template', error: why }, "the model's words could not be told");
      worded[part] = { by: 'template', why };
    }
  }
  return worded;
}

interface Asking {
  readonly model: Model;
  readonly progress: (message: string) => void;
  /** Of all calls of the run together. */
  readonly secondsLeft: () => number;
}

/** `undefined` where nobody is to be asked: no model, nothing told, or told where it can neither be edited nor answered. */
async function openAsking(
  context: RunContext,
  endsAt: number,
  progress: (message: string) => void,
): Promise<Asking | undefined> {
  const { model, chat, store, clock } = context.ports;
  const { model: policy } = context.team;
  if (model === undefined || policy === 'none' || chat?.isPostOnly === true || context.isStopping?.() === true) {
    return undefined;
  }
  const told = await store.read<MessageEntry>('outbox', messageOf(context));
  if (told?.data.posted === undefined) {
    return undefined;
  }
  const begun = clock.now().getTime();
  const { deadlineSeconds, budgetSeconds } = policy.ollama;
  return {
    model,
    progress,
    secondsLeft() {
      const now = clock.now().getTime();
      const ofRun = (endsAt - now) / 1000 - EDIT_SECONDS;
      return Math.min(deadlineSeconds, budgetSeconds - (now - begun) / 1000, ofRun);
    },
  };
}

interface Answer {
  readonly prompt: Prompt;
  readonly asked: Asked;
  readonly model: string;
  readonly seconds: number;
}

async function ask(
  context: RunContext,
  { model, progress, secondsLeft }: Asking,
  wording: Wording,
  isSilent: string | undefined,
): Promise<Answer> {
  const { clock } = context.ports;
  const { prompt: name } = wording;
  const prompt = parsePrompt(await shippedPrompt(context.duty, name), `${context.duty}/${name}.md`);
  const answers = { prompt, model: model.nameFor(prompt.tier) };
  if (isSilent !== undefined) {
    return { ...answers, asked: { replies: [], why: isSilent }, seconds: 0 };
  }
  progress(`asking ${answers.model} for the ${name} of the message`);
  const evidence = masked(context.mask, wording.evidence());
  const begun = clock.now().getTime();
  const asked = await askForWords({ model, prompt, filled: fillPrompt(prompt, evidence), evidence, secondsLeft });
  return { ...answers, asked, seconds: (clock.now().getTime() - begun) / 1000 };
}

/** Keeps what was said with the run, and hands words that passed to the outbox. */
async function put(context: RunContext, part: Part, { prompt, asked, model, seconds }: Answer): Promise<RecordedWords> {
  const words = 'text' in asked ? context.mask(asked.text) : undefined;
  const isTold = words !== undefined && (await HAND_ON[part](context, words));
  const why =
    'why' in asked ? asked.why : isTold ? null : 'the message was being changed by another delivery at the time';
  const recorded: RecordedWords = {
    by: isTold ? 'model' : 'template',
    why: why === null ? null : context.mask(why),
    prompt: `${prompt.id}@${String(prompt.version)}`,
    model,
    replies: asked.replies.map(({ text: reply }) => context.mask(reply.slice(0, KEPT_REPLY_CHARACTERS))),
    seconds,
  };
  await record(context, part, recorded);
  if (isTold) {
    await deliverRun(context, context.runId, 0);
  }
  return recorded;
}

const HAND_ON: Readonly<Record<Part, (context: RunContext, words: string) => Promise<boolean>>> = {
  words: replaceWords,
  analysis: sayInThread,
};

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

/** An entry of its own under one id for each run: it is said once, whatever is lost on the way. */
async function sayInThread(context: RunContext, words: string): Promise<boolean> {
  const { store, clock } = context.ports;
  const told = await store.read<MessageEntry>('outbox', messageOf(context));
  if (told?.data.posted === undefined) {
    return false;
  }
  const at = clock.now().toISOString();
  const entry: MessageEntry = {
    id: `${context.runId}-analysis`,
    kind: 'message',
    runId: context.runId,
    createdAt: at,
    state: 'pending',
    dueAt: at,
    attempts: 0,
    channel: told.data.channel,
    thread: told.data.posted,
    message: { title: '', blocks: [paragraph(bold('What the measurements show: '), text(words))] },
    issues: [],
    waitUntil: at,
  };
  return (await store.commit([outboxWrite(entry)])).committed;
}

async function record(context: RunContext, part: Part, words: RecordedWords): Promise<void> {
  const { store } = context.ports;
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const before = await store.read<RunRecord>('runs', context.runId);
    if (before === undefined) {
      return;
    }
    const data: RunRecord = { ...before.data, [part]: words };
    if ((await store.commit([recordWrite(context.team, before, data)])).committed) {
      return;
    }
  }
  context.log.warn({ runId: context.runId }, 'what the model said could not be kept with the run');
}

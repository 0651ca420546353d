// The language model on an Ollama of the team's own, over LangChain's client. It asks and hands back text; it trusts none of it.
import { z } from 'zod';
import { PlatformError } from '../../core/errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Model, ModelReply, ModelRequest, ModelTask } from '../../ports/model.ts';
import { withAttempts } from '../http/attempts.ts';
import { httpCall } from '../http/call.ts';
import { callContext, type GuardedCall, guardedFetch, streamFailure } from './guarded-fetch.ts';

export interface OllamaOptions {
  /** Base address, such as http://127.0.0.1:11434. */
  readonly url: string;
  /** For a proxy in front; Ollama itself asks for none. */
  readonly token?: string;
  readonly models: Readonly<Record<ModelTask, string>>;
  /** How long the server keeps a model loaded after a call, such as `30m`. */
  readonly keepAlive: string;
  /** Threads that the server computes with; its own count when absent. */
  readonly threads?: number | undefined;
  /** Caps the deadline of every call. */
  readonly deadlineSeconds?: number;
  readonly clock: Clock;
  readonly random: () => number;
}

/** Almost greedy: the same evidence is worded the same, and a small model stays with what it was given. */
const TEMPERATURE = 0.1;
const SEED = 7;
/** Nothing of ours is worded in more. */
const MOST_REPLY_CHARACTERS = 16_384;
/** Our estimate of tokens may be under the model's own count by this much. */
const ESTIMATE_MARGIN = 1.35;
const LEAST_CONTEXT_TOKENS = 1024;
const LIST_SECONDS = 10;
const ATTEMPTS = 2;
const NANOSECONDS = 1e9;

const Version = z.lazy(() => z.looseObject({ version: z.string().min(1) }));
const Tags = z.lazy(() => z.looseObject({ models: z.array(z.looseObject({ name: z.string().min(1) })) }));
const Metadata = z.lazy(() =>
  z.looseObject({
    done: z.literal(true),
    done_reason: z.string().optional(),
    load_duration: z.number().optional(),
    prompt_eval_count: z.number().optional(),
    prompt_eval_duration: z.number().optional(),
    eval_count: z.number().optional(),
    eval_duration: z.number().optional(),
  }),
);

/** The model port on Ollama's native API. The client is loaded at the first call, and is a new one for each. */
export function ollamaModel(options: OllamaOptions): Model {
  return {
    ask: (request) => ask(options, request),
    nameFor: (task) => options.models[task],
    installed: () => installed(options),
  };
}

async function ask(options: OllamaOptions, request: ModelRequest): Promise<ModelReply> {
  const model = options.models[request.task];
  const deadlineSeconds = Math.min(request.deadlineSeconds, options.deadlineSeconds ?? Infinity);
  const deadline = new AbortController();
  const timer = setTimeout(() => {
    deadline.abort();
  }, deadlineSeconds * 1000);
  const call: GuardedCall = {
    operation: 'chat',
    model,
    deadlineSeconds,
    signal: deadline.signal,
    secrets: options.token === undefined ? [] : [options.token],
    now: () => options.clock.now(),
  };
  try {
    const policy = { effect: 'read', attempts: ATTEMPTS, clock: options.clock, random: options.random } as const;
    return await withAttempts(policy, () => stream(options, request, call));
  } finally {
    clearTimeout(timer);
    // Leaving early, for whatever reason, must end the generation on the server too.
    deadline.abort();
  }
}

async function stream(options: OllamaOptions, request: ModelRequest, call: GuardedCall): Promise<ModelReply> {
  const { AIMessage, ChatOllama, HumanMessage, SystemMessage } = await import('./sdk.ts');
  const kinds = { system: SystemMessage, user: HumanMessage, assistant: AIMessage };
  const client = new ChatOllama({
    baseUrl: options.url,
    model: call.model,
    temperature: TEMPERATURE,
    seed: SEED,
    numCtx: contextTokens(request),
    numPredict: request.replyTokens,
    keepAlive: options.keepAlive,
    ...(options.threads === undefined ? {} : { numThread: options.threads }),
    format: request.schema,
    // Models that think would use up the deadline with it.
    think: false,
    fetch: guardedFetch(call),
    headers: options.token === undefined ? {} : { authorization: `Bearer ${options.token}` },
  });
  const messages = request.messages.map(({ role, content }) => new kinds[role](content));
  let text = '';
  let metadata: unknown;
  try {
    // Not `stream()`: that one hands prompts to a tracing service when a variable of LangChain's own says so.
    for await (const { text: piece, message } of client._streamResponseChunks(messages, { signal: call.signal })) {
      text += piece;
      metadata = message.response_metadata;
      if (text.length > MOST_REPLY_CHARACTERS) {
        throw failed(call, 'TOO_LARGE', `the reply is longer than ${String(MOST_REPLY_CHARACTERS)} characters`);
      }
    }
  } catch (error) {
    throw streamFailure(error, call, new URL(options.url));
  }
  if (call.signal.aborted) {
    // The client ends its loop without an error then.
    throw streamFailure(new Error('aborted'), call, new URL(options.url));
  }
  const told = Metadata.safeParse(metadata);
  if (!told.success) {
    throw failed(call, 'WRONG_SHAPE', 'the stream did not end as Ollama ends one');
  }
  return replyOf(call.model, text, told.data);
}

/** A step of its own for each size would make the server load the model anew: a power of two changes rarely. */
function contextTokens({ promptTokens, replyTokens }: ModelRequest): number {
  const needed = Math.ceil(promptTokens * ESTIMATE_MARGIN) + replyTokens;
  return Math.max(LEAST_CONTEXT_TOKENS, 2 ** Math.ceil(Math.log2(needed)));
}

function replyOf(model: string, text: string, told: z.infer<typeof Metadata>): ModelReply {
  const seconds = (duration: number | undefined): number | null =>
    duration === undefined ? null : duration / NANOSECONDS;
  return {
    text,
    model,
    promptTokens: told.prompt_eval_count ?? null,
    replyTokens: told.eval_count ?? null,
    loadSeconds: seconds(told.load_duration),
    promptSeconds: seconds(told.prompt_eval_duration),
    replySeconds: seconds(told.eval_duration),
  };
}

function failed(call: GuardedCall, code: string, why: string): PlatformError {
  const { system, operation, target } = callContext(call);
  return new PlatformError({ system, operation, target, status: 200, code, applied: 'no' }, why, {
    remedy: 'Check that the address is that of Ollama itself, and try another model if it stays.',
  });
}

async function installed(options: OllamaOptions): Promise<{ version: string; models: readonly string[] }> {
  const base = {
    system: 'Ollama',
    method: 'GET',
    effect: 'read',
    retry: 'safe',
    deadlineSeconds: Math.min(LIST_SECONDS, options.deadlineSeconds ?? LIST_SECONDS),
    headers: options.token === undefined ? {} : { authorization: `Bearer ${options.token}` },
    credentialsRemedy: callContext({ operation: '', model: '', deadlineSeconds: 0 }).credentialsRemedy,
    clock: options.clock,
    random: options.random,
  } as const;
  const root = options.url.replace(/\/$/, '');
  const version = await httpCall({
    ...base,
    operation: 'version',
    target: options.url,
    url: `${root}/api/version`,
    reply: Version,
  });
  const tags = await httpCall({
    ...base,
    operation: 'list models',
    target: options.url,
    url: `${root}/api/tags`,
    reply: Tags,
  });
  return { version: version.data.version, models: tags.data.models.map(({ name }) => name) };
}

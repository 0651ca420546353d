// The fetch under LangChain's client: deadline, status, content type and size of a reply are judged here, in our words, before
// the client sees it. It would print to the console, drop lines that it cannot read, and read without end.
import { PlatformError } from '../../core/errors.ts';
import { exchangeFailure, notJson, statusFailure, tooLarge } from '../http/failure.ts';
import { retryAfterSeconds } from '../http/retry.ts';

export interface GuardedCall {
  readonly operation: string;
  /** The model that is asked. */
  readonly model: string;
  readonly deadlineSeconds: number;
  readonly signal: AbortSignal;
  readonly secrets: readonly string[];
  readonly now: () => Date;
}

/** Ten times what a reply of our prompts takes in the stream's JSON lines. */
const MOST_STREAM_BYTES = 2 * 1024 * 1024;
const MOST_ERROR_BYTES = 16 * 1024;
const STREAM_TYPES = ['application/x-ndjson', 'application/json-seq', 'application/jsonl'];

export function callContext({ operation, model, deadlineSeconds }: Omit<GuardedCall, 'signal' | 'secrets' | 'now'>): {
  readonly system: string;
  readonly operation: string;
  readonly target: string;
  readonly effect: 'read';
  readonly deadlineSeconds: number;
  readonly errorText: (body: unknown) => { readonly text: string; readonly remedy?: string } | undefined;
  readonly credentialsRemedy: string;
} {
  return {
    system: 'Ollama',
    operation,
    target: `model ${model}`,
    effect: 'read',
    deadlineSeconds,
    errorText: (body) => errorTextOf(body, model),
    credentialsRemedy:
      'Ollama asks for no credentials: the proxy in front of it does. Set OLLAMA_TOKEN to a token that it knows.',
  };
}

/** Ollama's own words; `ollama pull` is the remedy for a model that it does not have. */
function errorTextOf(body: unknown, model: string): { readonly text: string; readonly remedy?: string } | undefined {
  const text = typeof body === 'object' && body !== null && 'error' in body ? body.error : undefined;
  if (typeof text !== 'string') {
    return undefined;
  }
  return {
    text,
    ...(/model .*not found/i.test(text) && { remedy: `Fetch it where Ollama runs: ollama pull ${model}` }),
  };
}

/** A fetch for one call. What fails is a PlatformError. */
export function guardedFetch(call: GuardedCall): typeof fetch {
  const context = callContext(call);
  return async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input);
    const request = { url, secrets: call.secrets };
    const signal =
      init?.signal === undefined || init.signal === null ? call.signal : AbortSignal.any([call.signal, init.signal]);
    let response: Response;
    try {
      response = await fetch(url, { ...init, signal, redirect: 'manual' });
    } catch (error) {
      throw exchangeFailure(context, request, { error, status: undefined, timedOut: call.signal.aborted });
    }
    if (!response.ok) {
      const body = await textOf(response).catch(() => '');
      throw statusFailure(context, request, response, body, retryAfterSeconds(response.headers, call.now()));
    }
    const type = (response.headers.get('content-type') ?? '').split(';')[0]?.trim() ?? '';
    if (!STREAM_TYPES.includes(type) || response.body === null) {
      await response.body?.cancel();
      throw notJson(context, response);
    }
    let bytes = 0;
    const counted = response.body.pipeThrough(
      new TransformStream<Uint8Array, Uint8Array>({
        transform(chunk, controller) {
          bytes += chunk.byteLength;
          if (bytes > MOST_STREAM_BYTES) {
            controller.error(tooLarge(context, response.status, MOST_STREAM_BYTES));
            return;
          }
          controller.enqueue(chunk);
        },
      }),
    );
    return new Response(counted, { status: response.status, headers: response.headers });
  };
}

async function textOf(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk);
    size += chunk.byteLength;
    if (size > MOST_ERROR_BYTES) {
      break;
    }
  }
  return Buffer.concat(chunks).subarray(0, MOST_ERROR_BYTES).toString('utf8');
}

/** What ended the stream, in our words: the client throws plain errors for what the server says in the middle of it. */
export function streamFailure(error: unknown, call: GuardedCall, url: URL): PlatformError {
  if (error instanceof PlatformError) {
    return error;
  }
  const context = callContext(call);
  const timedOut = call.signal.aborted;
  const { system, operation, target } = context;
  if (!timedOut && error instanceof Error && /Did not receive done/.test(error.message)) {
    return new PlatformError(
      { system, operation, target, status: 200, code: 'CUT', applied: 'no' },
      'the stream ended before the reply was whole',
      {
        remedy: 'If it happens again, look at the log of Ollama: a runner that has no memory left ends like this.',
        cause: error,
      },
    );
  }
  return exchangeFailure(context, { url, secrets: call.secrets }, { error, status: 200, timedOut });
}

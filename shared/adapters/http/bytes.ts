// One HTTP call whose reply is no JSON: a file or a log, as bytes, of which only the part that is wanted is ever held.
// Deadline, retries and errors are those of call.ts. Over fetch, which hands out a body piece by piece.
import { attempted, type HttpRequest, MAX_ERROR_BYTES, type Outcome, type PreparedRequest, refusal } from './call.ts';
import { exchangeFailure, tooLarge } from './failure.ts';

export interface HttpBytesCall extends HttpRequest {
  /** A read that the system hands on to its file storage follows the redirect, to another origin without credentials. */
  readonly followRedirects?: true;
  /** `end`: the last bytes are kept and what came before is dropped; `all`: a longer body is a failure. */
  readonly keep: 'end' | 'all';
  readonly maxKeptBytes: number;
  /** The reading of a body that is longer than this is given up; `maxKeptBytes` where `keep` is `all`. */
  readonly maxResponseBytes?: number;
  /** Statuses that are answers and no failures, such as 404 where it means that there is none. Their bodies are dropped. */
  readonly alsoFine?: readonly number[];
}

export interface HttpBytes {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Uint8Array;
  /** Of the body as it came, before the part that is not kept was dropped. */
  readonly bodyBytes: number;
}

const MAX_REDIRECTS = 3;

/** Fails with a PlatformError as `httpCall` does. */
export async function httpBytes(call: HttpBytesCall): Promise<HttpBytes> {
  const { data } = await attempted(call, async (request, { signal }): Promise<Outcome<HttpBytes>> => {
    let status: number | undefined;
    try {
      const response = await answered(call, request, signal);
      status = response.status;
      call.onHead?.(response);
      return await readReply(call, request, response);
    } catch (error) {
      return { failure: exchangeFailure(call, request, { error, status, timedOut: signal.aborted }) };
    }
  });
  return data;
}

async function readReply(
  call: HttpBytesCall,
  request: PreparedRequest,
  response: Response,
): Promise<Outcome<HttpBytes>> {
  const { status, headers } = response;
  if (call.alsoFine?.includes(status) === true) {
    await response.body?.cancel();
    return { reply: { status, headers, data: { status, headers, bytes: new Uint8Array(), bodyBytes: 0 } } };
  }
  if (!response.ok) {
    return { failure: refusal(call, request, response, await errorText(response)) };
  }
  const limit = call.keep === 'all' ? call.maxKeptBytes : (call.maxResponseBytes ?? Number.POSITIVE_INFINITY);
  const kept = await readPart(response, call, limit);
  return kept === undefined
    ? { failure: tooLarge(call, status, limit) }
    : { reply: { status, headers, data: { status, headers, ...kept } } };
}

/** The first part of the body; leaving the loop early cancels the rest. */
async function errorText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk);
    size += chunk.byteLength;
    if (size > MAX_ERROR_BYTES) {
      break;
    }
  }
  return Buffer.concat(chunks).toString('utf8', 0, MAX_ERROR_BYTES);
}

async function answered(call: HttpBytesCall, request: PreparedRequest, signal: AbortSignal): Promise<Response> {
  let response = await fetch(request.url, {
    method: call.method,
    headers: request.headers,
    // A followed redirect would turn a POST into a GET without its body, and could carry credentials elsewhere.
    redirect: 'manual',
    signal,
    ...(call.body === undefined ? {} : { body: call.body }),
  });
  let from = request.url;
  for (let hop = 0; hop < MAX_REDIRECTS && call.followRedirects === true && call.method === 'GET'; hop += 1) {
    const to = redirectOf(response, from);
    if (to === undefined) {
      break;
    }
    await response.body?.cancel();
    const headers = new Headers(request.headers);
    if (to.origin !== request.url.origin) {
      headers.delete('authorization');
    }
    response = await fetch(to, { method: 'GET', headers, redirect: 'manual', signal });
    from = to;
  }
  return response;
}

/** Never from https to http. */
function redirectOf(response: Response, from: URL): URL | undefined {
  const location = response.status >= 300 && response.status < 400 ? response.headers.get('location') : null;
  const to = location === null ? null : URL.parse(location, from.href);
  const isSafe = to !== null && (to.protocol === 'https:' || (to.protocol === 'http:' && from.protocol === 'http:'));
  return isSafe ? to : undefined;
}

async function readPart(
  response: Response,
  { keep, maxKeptBytes }: HttpBytesCall,
  limit: number,
): Promise<Pick<HttpBytes, 'bytes' | 'bodyBytes'> | undefined> {
  const chunks: Uint8Array[] = [];
  let held = 0;
  let bodyBytes = 0;
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk);
    held += chunk.byteLength;
    bodyBytes += chunk.byteLength;
    if (bodyBytes > limit) {
      return undefined;
    }
    for (let first = chunks[0]; keep === 'end' && first !== undefined && held - first.byteLength >= maxKeptBytes;) {
      held -= first.byteLength;
      chunks.shift();
      first = chunks[0];
    }
  }
  const whole = Buffer.concat(chunks);
  return { bytes: new Uint8Array(whole.subarray(Math.max(0, whole.byteLength - maxKeptBytes))), bodyBytes };
}

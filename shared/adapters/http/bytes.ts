// One HTTP call whose reply is no JSON: a file or a log, as bytes, of which only the part that is wanted is ever held.
// Deadline, retries and errors are those of call.ts.
import { exchanged, refusal, type HttpRequest } from './call.ts';
import { tooLarge } from './failure.ts';

export interface HttpBytesCall extends HttpRequest {
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

/** Fails with a PlatformError as `httpCall` does. */
export async function httpBytes(call: HttpBytesCall): Promise<HttpBytes> {
  const { data } = await exchanged(call, async (request, response) => {
    const { status, headers } = response;
    if (call.alsoFine?.includes(status) === true) {
      await response.body?.cancel();
      return { reply: { status, headers, data: { status, headers, bytes: new Uint8Array(), bodyBytes: 0 } } };
    }
    if (!response.ok) {
      return { failure: await refusal(call, request, response) };
    }
    const limit = call.keep === 'all' ? call.maxKeptBytes : (call.maxResponseBytes ?? Number.POSITIVE_INFINITY);
    const kept = await readPart(response, call, limit);
    return kept === undefined
      ? { failure: tooLarge(call, status, limit) }
      : { reply: { status, headers, data: { status, headers, ...kept } } };
  });
  return data;
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

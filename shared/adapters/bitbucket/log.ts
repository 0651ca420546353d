// The end of a step's log, by Range where the server honours it, from the whole stream where it does not. Never decodes.
import type { CiLogTail } from '../../ports/ci.ts';
import type { HttpBytes } from '../http/bytes.ts';
import type { BitbucketClient, BitbucketBytes } from './client.ts';

/** Bitbucket keeps 100 MB of a step's log at most, and the storage behind it sends it unpacked. */
const MAX_LOG_BYTES = 128 * 1024 * 1024;

type LogCall = Omit<BitbucketBytes, 'keep' | 'maxKeptBytes' | 'alsoFine' | 'maxResponseBytes' | 'headers'>;

/** 404: no log was written, or it has expired. 416: there is nothing at that range, which is an empty log. */
export async function readLogTail(
  client: BitbucketClient,
  call: LogCall,
  bytes: number,
): Promise<CiLogTail | undefined> {
  const reply = await client.bytes({
    ...call,
    headers: { range: `bytes=-${String(bytes)}`, 'accept-encoding': 'identity' },
    keep: 'end',
    maxKeptBytes: bytes,
    maxResponseBytes: MAX_LOG_BYTES,
    alsoFine: [404, 416],
  });
  if (reply.status === 404) {
    return undefined;
  }
  const totalBytes = totalOf(reply);
  return Object.freeze({ bytes: reply.bytes, totalBytes, isComplete: reply.bytes.byteLength >= totalBytes });
}

function totalOf({ status, headers, bodyBytes }: HttpBytes): number {
  const range = /^bytes (?:[0-9]+-[0-9]+|\*)\/([0-9]+)$/.exec(headers.get('content-range')?.trim() ?? '');
  return (status === 206 || status === 416) && range !== null ? Number(range[1]) : bodyBytes;
}

// Calls of Bitbucket Cloud's REST API 2.0 over fetch: token, request allowance, deadline, retries, checked replies, pages.
// It knows paths and pages, and nothing of what they mean.
import { z } from 'zod';
import { ConfigurationError, PlatformError } from '../../core/errors.ts';
import type { CiPriority } from '../../ports/ci.ts';
import type { Clock } from '../../ports/clock.ts';
import { httpBytes, type HttpBytes } from '../http/bytes.ts';
import { httpCall, type HttpReply, type HttpRequest } from '../http/call.ts';
import { retryAfterSeconds } from '../http/retry.ts';
import type { Allowance } from './allowance.ts';
import { credentialsRemedy, errorText } from './failure.ts';

export interface BitbucketClientOptions {
  /** https://api.bitbucket.org/2.0 */
  readonly apiUrl: string;
  readonly workspace: string;
  readonly token: string;
  readonly deadlineSeconds: number;
  readonly allowance: Allowance;
  readonly clock: Clock;
  readonly random: () => number;
}

export interface BitbucketCall {
  readonly operation: string;
  readonly target: string;
  /** Below the API's address; parts are encoded by `path`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | readonly string[]>>;
  readonly priority: CiPriority;
  /** Scope of the token that it needs. */
  readonly scope: string;
  /** What to do when Bitbucket refuses what was asked for, or does not find it. */
  readonly remedy?: string;
}

export interface BitbucketRead<T> extends BitbucketCall {
  /** The part of the reply that is used; unknown members are ignored. */
  readonly reply: z.ZodType<T>;
}

export interface BitbucketWrite<T> extends BitbucketRead<T> {
  readonly method: 'POST' | 'PUT';
  readonly body?: object;
  /** `safe`: a second request does no harm. */
  readonly retry: 'safe' | 'never';
}

export interface BitbucketBytes extends BitbucketCall {
  readonly headers?: Readonly<Record<string, string>>;
  readonly keep: 'end' | 'all';
  readonly maxKeptBytes: number;
  readonly maxResponseBytes?: number;
  readonly alsoFine: readonly number[];
}

export interface Page<T> {
  readonly values: readonly T[];
  readonly next: string | null;
}

/** A page of 100 pipelines with its projection is about 150 kB; 8 MiB hold what a server that ignores the projection sends. */
const MAX_REPLY_BYTES = 8 * 1024 * 1024;

export interface BitbucketClient {
  get<T>(call: BitbucketRead<T>): Promise<HttpReply<T>>;
  write<T>(call: BitbucketWrite<T>): Promise<T>;
  bytes(call: BitbucketBytes): Promise<HttpBytes>;
  /** One page of a list; `cursor` is the `next` of the page before. */
  page<T>(call: BitbucketRead<T>, cursor?: string): Promise<Page<T>>;
  /** Pages until `most` entries are there; `isComplete` tells whether that is all. */
  list<T>(call: BitbucketRead<T>, most: number): Promise<{ items: readonly T[]; isComplete: boolean }>;
}

export function bitbucketClient(options: BitbucketClientOptions): BitbucketClient {
  const base = baseAddress(options.apiUrl);
  const { allowance, clock, random, deadlineSeconds } = options;

  function request(call: BitbucketCall, url: URL): Omit<HttpRequest, 'method' | 'effect' | 'retry'> {
    return {
      system: 'Bitbucket',
      operation: call.operation,
      target: call.target,
      url,
      headers: { authorization: `Bearer ${options.token}` },
      deadlineSeconds,
      beforeAttempt: () => allowance.take(call.priority, call.operation, call.target),
      onHead: ({ status, headers }) => {
        allowance.note({
          refused: status === 429,
          retryAfterSeconds: retryAfterSeconds(headers, clock.now()),
          nearLimit: headers.get('x-ratelimit-nearlimit')?.toLowerCase() === 'true',
          limit: positive(headers.get('x-ratelimit-limit')),
        });
      },
      errorText: (told) => errorText(told, call.remedy),
      credentialsRemedy: credentialsRemedy(call.scope),
      clock,
      random,
    };
  }

  /** What a refusal told is stored for the other instances at once: this one may not call again for long. */
  async function published<T>(doing: Promise<T>): Promise<T> {
    try {
      return await doing;
    } catch (error) {
      if (error instanceof PlatformError && error.failure.status === 429) {
        // The refusal is what the caller must hear of; a store that is away shows itself at the next call.
        await allowance.publish().catch(() => undefined);
      }
      throw error;
    }
  }

  async function read<T>(call: BitbucketRead<T>, url: URL): Promise<HttpReply<T>> {
    return published(
      httpCall({
        ...request(call, url),
        method: 'GET',
        effect: 'read',
        retry: 'safe',
        reply: call.reply,
        maxResponseBytes: MAX_REPLY_BYTES,
      }),
    );
  }

  async function page<T>(call: BitbucketRead<T>, cursor?: string): Promise<Page<T>> {
    const url = cursor === undefined ? address(base, call) : ownAddress(base, call, cursor);
    const { data } = await read({ ...call, reply: pageOf(call.reply) }, url);
    return { values: data.values, next: data.next ?? null };
  }

  return {
    get: (call) => read(call, address(base, call)),
    page,
    async write<T>(call: BitbucketWrite<T>) {
      const common = request(call, address(base, call));
      const reply = await published(
        httpCall({
          ...common,
          method: call.method,
          effect: 'write',
          retry: call.retry,
          reply: call.reply,
          maxResponseBytes: MAX_REPLY_BYTES,
          ...(call.body === undefined
            ? {}
            : {
                headers: { ...common.headers, 'content-type': 'application/json' },
                body: JSON.stringify(call.body),
              }),
        }),
      );
      return reply.data;
    },
    async bytes(call) {
      const common = request(call, address(base, call));
      return published(
        httpBytes({
          ...common,
          method: 'GET',
          effect: 'read',
          retry: 'safe',
          // Logs answer 406 to anything but */* and application/octet-stream, and come from a file storage.
          headers: { ...common.headers, accept: '*/*', ...call.headers },
          followRedirects: true,
          keep: call.keep,
          maxKeptBytes: call.maxKeptBytes,
          alsoFine: call.alsoFine,
          ...(call.maxResponseBytes === undefined ? {} : { maxResponseBytes: call.maxResponseBytes }),
        }),
      );
    },
    async list<T>(call: BitbucketRead<T>, most: number) {
      const items: T[] = [];
      const seen = new Set<string>();
      let next: string | null = null;
      do {
        const one: Page<T> = await page(call, next ?? undefined);
        items.push(...one.values);
        next = one.next;
        if (next !== null && (seen.has(next) || one.values.length === 0)) {
          throw strange(call, 'its pages lead in a circle or are empty');
        }
        seen.add(next ?? '');
      } while (next !== null && items.length < most);
      return { items: items.slice(0, most), isComplete: next === null && items.length <= most };
    },
  };
}

function pageOf<T>(entry: z.ZodType<T>): z.ZodType<{ values: T[]; next?: string | null | undefined }> {
  return z.looseObject({ values: z.array(entry), next: z.string().nullish() });
}

/** A path of the API from its parts: braces of UUIDs, slashes in branch names and everything else are encoded. */
export function path(...parts: readonly (string | number)[]): string {
  return parts.map((part) => `/${encodeURIComponent(String(part))}`).join('');
}

function baseAddress(apiUrl: string): URL {
  const url = URL.parse(apiUrl);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new ConfigurationError('BITBUCKET_API_URL is not an http or https address.', {
      remedy: 'Set it to https://api.bitbucket.org/2.0, or take it away.',
    });
  }
  return url;
}

function address(base: URL, { path: below, query = {} }: BitbucketCall): URL {
  const url = new URL(base);
  url.pathname = `${url.pathname.replace(/\/+$/, '')}${below}`;
  for (const [name, value] of Object.entries(query)) {
    for (const one of typeof value === 'string' ? [value] : value) {
      url.searchParams.append(name, one);
    }
  }
  return url;
}

/** The token goes nowhere but to the API: a cursor that leads elsewhere, or to another list, is refused. */
function ownAddress(base: URL, call: BitbucketCall, cursor: string): URL {
  const url = URL.parse(cursor);
  const own = address(base, { ...call, query: {} });
  if (url === null || url.origin !== own.origin || plainPath(url) !== plainPath(own) || url.username !== '') {
    throw strange(call, 'its next page is not one of the same list');
  }
  return url;
}

/** Bitbucket's `next` has a slash at its end where the request had none, and may encode other characters. */
function plainPath(url: URL): string {
  try {
    return decodeURIComponent(url.pathname).replace(/\/+$/, '');
  } catch {
    return url.pathname;
  }
}

function strange(call: BitbucketCall, why: string): PlatformError {
  return new PlatformError(
    { system: 'Bitbucket', operation: call.operation, target: call.target, code: 'WRONG_PAGE', applied: 'no' },
    why,
    { remedy: 'Check that BITBUCKET_API_URL is the address of Bitbucket itself.' },
  );
}

function positive(value: string | null): number | undefined {
  return value !== null && /^[1-9][0-9]{0,8}$/.test(value.trim()) ? Number(value) : undefined;
}

// Time series from VictoriaMetrics (single node, cluster, behind vmauth) and from anything else that speaks the Prometheus
// query API. It sends queries as they are: what to ask belongs to the duties.
import type { z } from 'zod';
import { ConfigurationError, PlatformError } from '../../core/errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Metrics, Sample, Series } from '../../ports/metrics.ts';
import { basicCredentials, httpCall, type HttpReply } from '../http/call.ts';
import type { ReplyHeaders } from '../http/exchange.ts';
import {
  BuildInfoReply,
  duplicateLabels,
  incompleteness,
  InstantReply,
  isAscending,
  queryErrorText,
  RangeReply,
  samplesOf,
  seriesOf,
} from './reply.ts';

export interface VictoriaMetricsOptions {
  /** Base address without /api/v1; a path prefix and query parameters in it (vmauth, extra_label) are kept. */
  readonly url: string;
  /** Tenant of a VictoriaMetrics cluster: accountID or accountID:projectID. */
  readonly tenant?: string;
  readonly username?: string;
  readonly password?: string;
  readonly bearerToken?: string;
  /** For one call with its retries; 30 when absent, VictoriaMetrics' own -search.maxQueryDuration. */
  readonly deadlineSeconds?: number;
  /** A reply with more series is refused; 100,000 when absent: 20 times the largest namespace that we aim at. */
  readonly maxSeries?: number;
  readonly clock: Clock;
  /** Random number in [0, 1), for the jitter of retries. */
  readonly random: () => number;
}

const SYSTEM = 'VictoriaMetrics';
const DEFAULT_DEADLINE_SECONDS = 30;
const DEFAULT_MAX_SERIES = 100_000;

/**
 * VictoriaMetrics moves the start of a range, and shows an instant as of 30 s earlier, unless `nocache` is set; a cluster
 * answers from what is left of it unless partial answers are denied. Prometheus ignores both parameters.
 */
const EXACT: Readonly<Record<string, string>> = { nocache: '1', deny_partial_response: '1' };

export function victoriaMetrics(options: VictoriaMetricsOptions): Metrics {
  const server = new VictoriaMetricsServer(options);
  return {
    async instant(query, at) {
      return server.instant(query, at);
    },
    async range(query, from, to, stepSeconds) {
      return server.range(query, from, to, stepSeconds);
    },
    async identity() {
      return server.identity();
    },
  };
}

class VictoriaMetricsServer {
  readonly #options: VictoriaMetricsOptions;
  readonly #base: URL;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #deadlineSeconds: number;

  constructor(options: VictoriaMetricsOptions) {
    this.#options = options;
    this.#base = baseAddress(options.url, options.tenant);
    this.#headers = credentials(options);
    this.#deadlineSeconds = options.deadlineSeconds ?? DEFAULT_DEADLINE_SECONDS;
  }

  async instant(query: string, at: string): Promise<readonly Sample[]> {
    const operation = 'instant query';
    const form = { query, time: unixSeconds(at), ...EXACT };
    const { data } = await this.#query(operation, '/api/v1/query', form, InstantReply);
    this.#requireComplete(operation, query, data, data.data.resultType === 'vector' ? data.data.result.length : 1);
    const samples = samplesOf(data);
    this.#requireUnique(operation, query, samples);
    return samples;
  }

  async range(query: string, from: string, to: string, stepSeconds: number): Promise<readonly Series[]> {
    const operation = 'range query';
    const form = { query, start: unixSeconds(from), end: unixSeconds(to), step: String(stepSeconds), ...EXACT };
    const { data } = await this.#query(operation, '/api/v1/query_range', form, RangeReply);
    this.#requireComplete(operation, query, data, data.data.result.length);
    const series = seriesOf(data);
    this.#requireUnique(operation, query, series);
    if (!isAscending(series)) {
      throw this.#refused(operation, query, 'the points of a series are not in the order of their times');
    }
    return series;
  }

  async identity(): Promise<{ readonly server: string; readonly now: string | null }> {
    const reply = await this.#buildInfo();
    if (reply !== undefined) {
      return { server: serverName(reply.headers, reply.data.data.version), now: isoDate(reply.headers) };
    }
    // A vmauth in front often lets queries through and nothing else.
    const { headers } = await this.#query('identity', '/api/v1/query', { query: '1', ...EXACT }, InstantReply);
    return { server: serverName(headers, undefined), now: isoDate(headers) };
  }

  async #buildInfo(): Promise<HttpReply<z.infer<typeof BuildInfoReply>> | undefined> {
    try {
      return await this.#call('identity', '/api/v1/status/buildinfo', { method: 'GET', reply: BuildInfoReply });
    } catch (error) {
      if (error instanceof PlatformError && [400, 403, 404].includes(error.failure.status ?? 0)) {
        return undefined;
      }
      throw error;
    }
  }

  /** By POST: a URL has no room for long selectors. VictoriaMetrics still takes 16 KiB of query at most (-search.maxQueryLen). */
  async #query<T>(
    operation: string,
    path: string,
    form: Readonly<Record<string, string>>,
    reply: z.ZodType<T>,
  ): Promise<HttpReply<T>> {
    const body = new URLSearchParams({ ...form, timeout: `${this.#deadlineSeconds}s` }).toString();
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    return this.#call(operation, path, { method: 'POST', reply, headers, body, query: form['query'] });
  }

  async #call<T>(
    operation: string,
    path: string,
    request: {
      readonly method: 'GET' | 'POST';
      readonly reply: z.ZodType<T>;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string;
      readonly query?: string | undefined;
    },
  ): Promise<HttpReply<T>> {
    const url = new URL(this.#base);
    url.pathname = `${url.pathname.replace(/\/$/, '')}${path}`;
    return httpCall({
      system: SYSTEM,
      operation,
      target: this.#target(request.query),
      method: request.method,
      url,
      headers: { ...this.#headers, ...request.headers },
      ...(request.body === undefined ? {} : { body: request.body }),
      reply: request.reply,
      effect: 'read',
      retry: 'safe',
      deadlineSeconds: this.#deadlineSeconds,
      errorText: queryErrorText,
      credentialsRemedy:
        'Check the user and password or the bearer token for the metrics, and that they may read the API under this address.',
      clock: this.#options.clock,
      random: this.#options.random,
    });
  }

  #requireComplete(operation: string, query: string, reply: InstantReply | RangeReply, seriesCount: number): void {
    const incomplete = incompleteness(reply);
    if (incomplete !== undefined) {
      throw this.#refused(operation, query, incomplete, 'PARTIAL', 'Bring the missing part back, then try again.');
    }
    const most = this.#options.maxSeries ?? DEFAULT_MAX_SERIES;
    if (seriesCount > most) {
      const remedy = 'Narrow the selector in the policy to one cluster, or raise the limit.';
      throw this.#refused(
        operation,
        query,
        `${seriesCount} series are more than the ${most} that are taken`,
        'TOO_LARGE',
        remedy,
      );
    }
  }

  #requireUnique(
    operation: string,
    query: string,
    found: readonly { readonly labels: Readonly<Record<string, string>> }[],
  ): void {
    const duplicate = duplicateLabels(found);
    if (duplicate !== undefined) {
      throw this.#refused(operation, query, `the label set ${duplicate.slice(0, 300)} stands in the answer twice`);
    }
  }

  #refused(
    operation: string,
    query: string,
    why: string,
    code = 'WRONG_SHAPE',
    remedy = 'Check that the address is that of one VictoriaMetrics or Prometheus.',
  ): PlatformError {
    return new PlatformError(
      { system: SYSTEM, operation, target: this.#target(query), status: 200, code, applied: 'no' },
      why,
      { remedy },
    );
  }

  /** Address and query for messages. Neither user and password nor query parameters of the address: they may be tokens. */
  #target(query: string | undefined): string {
    const where = `${this.#base.host}${this.#base.pathname}`.replace(/\/$/, '');
    return query === undefined ? where : `${where}, ${query.length > 200 ? `${query.slice(0, 200)}…` : query}`;
  }
}

function baseAddress(address: string, tenant: string | undefined): URL {
  const url = URL.parse(address);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new ConfigurationError('The address of the metrics is not an http or https URL.', {
      remedy:
        'Set the base address of VictoriaMetrics or Prometheus, such as https://metrics.example.com, without /api/v1.',
    });
  }
  if (tenant !== undefined && !/^[0-9]+(:[0-9]+)?$/.test(tenant)) {
    throw new ConfigurationError(`The metrics tenant ${JSON.stringify(tenant)} is none.`, {
      remedy: 'Set accountID or accountID:projectID, such as 42 or 42:7.',
    });
  }
  const path = url.pathname.replace(/\/+$/, '').replace(/\/api\/v1$/, '');
  url.pathname = tenant === undefined ? path : `${path}/select/${tenant}/prometheus`;
  url.hash = '';
  return url;
}

function credentials(options: VictoriaMetricsOptions): Readonly<Record<string, string>> {
  const { username, password, bearerToken } = options;
  const hasBasic = username !== undefined || password !== undefined;
  if (hasBasic && bearerToken !== undefined) {
    throw new ConfigurationError('The metrics have both a user or password and a bearer token.', {
      remedy: 'Set one of the two.',
    });
  }
  if (bearerToken !== undefined) {
    return { authorization: `Bearer ${bearerToken}` };
  }
  return hasBasic ? { authorization: basicCredentials(username ?? '', password ?? '') } : {};
}

function unixSeconds(iso: string): string {
  const milliseconds = Date.parse(iso);
  if (Number.isNaN(milliseconds)) {
    throw new RangeError(`${JSON.stringify(iso)} is not an ISO time.`);
  }
  return String(milliseconds / 1000);
}

/** VictoriaMetrics names itself by a header alone; the version that it tells is one of Prometheus. */
function serverName(headers: ReplyHeaders, version: string | undefined): string {
  if (headers.get('x-server-hostname') !== null) {
    return 'VictoriaMetrics';
  }
  return version === undefined ? 'a server with the Prometheus query API' : `Prometheus ${version}`;
}

function isoDate(headers: ReplyHeaders): string | null {
  const milliseconds = Date.parse(headers.get('date') ?? '');
  return Number.isNaN(milliseconds) ? null : new Date(milliseconds).toISOString();
}

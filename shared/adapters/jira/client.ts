// Calls of Jira's REST API v3 through jira.js over our own transport: deadline, retries, checked replies, errors with a remedy.
// jira.js takes any transport that has its `sendRequest`; its own has no deadline, and hides whether a write was sent.
import type { Client, SendRequestOptions } from 'jira.js/core';
import { z } from 'zod';
import { PlatformError } from '../../core/errors.ts';
import type { Clock } from '../../ports/clock.ts';
import { withAttempts } from '../http/attempts.ts';
import { basicCredentials, httpCall } from '../http/call.ts';
import { heldFor } from '../http/held.ts';
import { credentialsRemedy, errorText } from './failure.ts';
import type * as jiraSdk from './sdk.ts';

type JiraSdk = typeof jiraSdk;

export interface JiraClientOptions {
  /** https://<site>.atlassian.net */
  readonly url: string;
  readonly email: string;
  readonly token: string;
  /** For each attempt. */
  readonly deadlineSeconds: number;
  readonly clock: Clock;
  readonly random: () => number;
}

export interface JiraCall<T> {
  readonly operation: string;
  readonly target: string;
  readonly effect: 'read' | 'write';
  /** What the account must be allowed to do for this, as Jira calls it. */
  readonly permission?: string;
  /** What to do when Jira refuses it, or does not find what it is about. */
  readonly remedy?: string;
  /** The part of the reply that is used: sites differ in the rest. */
  readonly reply: z.ZodType<T>;
  /** One operation of jira.js, which makes one request. */
  readonly run: (sdk: JiraSdk, client: Client) => Promise<unknown>;
}

export interface JiraClient {
  call<T>(call: JiraCall<T>): Promise<T>;
  /**
   * Fails when the token is wrong or has expired. Jira treats such a caller as an anonymous one, to whom a search finds
   * nothing and an issue does not exist: an empty answer counts only after this.
   */
  confirmLogin(): Promise<{ readonly user: string }>;
}

const Myself = z.lazy(() => z.looseObject({ displayName: z.string(), emailAddress: z.string().optional() }));

/** A token that worked within this time is not asked about again. */
const LOGIN_HOLDS_SECONDS = 60;

export function jiraClient(options: JiraClientOptions): JiraClient {
  let loading: Promise<JiraSdk> | undefined;

  async function callOnce<T>(call: JiraCall<T>): Promise<T> {
    const sdk = await (loading ??= import('./sdk.ts'));
    let data: { readonly value: T } | undefined;
    const client: Client = {
      async sendRequest<U>(request: SendRequestOptions<U>): Promise<U> {
        const reply = await send(options, call, request);
        data = { value: reply };
        // What jira.js would check and give is all of the reply; callers use `data`, checked for what they need.
        return reply as unknown as U;
      },
    };
    await call.run(sdk, client);
    if (data === undefined) {
      throw new Error(`jira.js made no request for ${call.operation}.`);
    }
    return data.value;
  }

  async function call<T>(wanted: JiraCall<T>): Promise<T> {
    return withAttempts({ effect: wanted.effect, clock: options.clock, random: options.random }, () =>
      callOnce(wanted),
    );
  }

  const confirmLogin = heldFor(LOGIN_HOLDS_SECONDS * 1000, options.clock, async () => {
    const myself = await call({
      operation: 'read who we are',
      target: options.email,
      effect: 'read',
      reply: Myself,
      run: (sdk, client) => sdk.getCurrentUser(client),
    });
    return { user: myself.emailAddress ?? myself.displayName };
  });

  return {
    call,
    confirmLogin,
  };
}

async function send<T>(
  options: JiraClientOptions,
  call: JiraCall<T>,
  request: SendRequestOptions<unknown>,
): Promise<T> {
  const { body } = request;
  const reply = await httpCall({
    system: 'Jira',
    operation: call.operation,
    target: call.target,
    method: methodOf(request),
    url: addressOf(options.url, request),
    headers: {
      authorization: basicCredentials(options.email, options.token),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...request.headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    reply: call.reply,
    effect: call.effect,
    retry: 'never',
    deadlineSeconds: options.deadlineSeconds,
    errorText: (told) => errorText(told, call.remedy),
    credentialsRemedy: credentialsRemedy(call.permission),
    clock: options.clock,
    random: options.random,
  });
  return reply.data;
}

function methodOf(request: SendRequestOptions<unknown>): 'GET' | 'POST' {
  return request.method === 'POST' ? 'POST' : 'GET';
}

/** Lists become repeated parameters, as in jira.js' own transport. */
function addressOf(base: string, request: SendRequestOptions<unknown>): URL {
  const url = new URL(`${base.replace(/\/+$/, '')}${request.url}`);
  for (const [name, value] of Object.entries(request.searchParams ?? {})) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined && one !== null) {
        url.searchParams.append(name, String(one));
      }
    }
  }
  return url;
}

/** Whether Jira said that the thing is not there (or not for us). */
export function isNotFound(error: unknown): boolean {
  return error instanceof PlatformError && error.failure.status === 404;
}

// The deployed part of Nightshift by Google's REST APIs: Cloud Functions v2, Cloud Scheduler v1, Cloud Monitoring v3. Changes nothing but
// whether a job is paused.
import { z } from 'zod';
import { ConfigurationError } from '../../core/errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type { DeployedFunction, Deployment, ScheduledJob } from '../../ports/deployment.ts';
import { httpCall } from '../http/call.ts';
import { googleAddress, googleErrorText, googleTokens } from '../http/google.ts';

export interface GcpDeploymentOptions {
  readonly project: string;
  /** Base address of Google's APIs, with {api} where the name of the API stands. */
  readonly apiUrl: string;
  readonly clock: Clock;
  readonly random: () => number;
}

const SCOPE = 'https://www.googleapis.com/auth/cloud-platform';
/** What terraform/ calls everything that it makes. */
const PREFIX = 'nightshift-';
const DEADLINE_SECONDS = 20;
/** Ten pages of 500: a project with more functions has other troubles, and a list that never ends must end. */
const MAX_PAGES = 10;
/** Monitoring writes this metric every minute and shows it some minutes later. */
const DEAD_LETTER_MINUTES = 15;

const Functions = z.lazy(() =>
  z.looseObject({
    functions: z
      .array(
        z.looseObject({
          name: z.string(),
          state: z.string().default('STATE_UNSPECIFIED'),
          updateTime: z.string().optional(),
          serviceConfig: z.looseObject({ uri: z.string().optional(), revision: z.string().optional() }).optional(),
        }),
      )
      .default([]),
    nextPageToken: z.string().optional(),
  }),
);

const Job = z.lazy(() =>
  z.looseObject({
    name: z.string(),
    schedule: z.string().default(''),
    timeZone: z.string().default('UTC'),
    state: z.string().default('STATE_UNSPECIFIED'),
    lastAttemptTime: z.string().optional(),
    scheduleTime: z.string().optional(),
    status: z.looseObject({ code: z.int().default(0), message: z.string().optional() }).optional(),
  }),
);
const Jobs = z.lazy(() => z.looseObject({ jobs: z.array(Job).default([]), nextPageToken: z.string().optional() }));

const Series = z.lazy(() =>
  z.looseObject({
    timeSeries: z
      .array(
        z.looseObject({
          resource: z.looseObject({ labels: z.record(z.string(), z.string()).default({}) }),
          points: z.array(z.looseObject({ value: z.looseObject({ int64Value: z.string().optional() }) })).default([]),
        }),
      )
      .default([]),
    nextPageToken: z.string().optional(),
  }),
);

/** Names of google.rpc.Code, which Cloud Scheduler maps the function's HTTP status to. */
const CODES: Readonly<Record<number, string>> = {
  3: '400 refused as a bad request',
  4: 'no answer in time',
  5: '404 not found',
  7: '403 not permitted',
  8: '429 too many requests',
  13: '500 failed',
  14: '503 could not be reached',
  16: '401 not authenticated',
};

export function gcpDeployment(options: GcpDeploymentOptions): Deployment {
  const { project, clock, random } = options;
  const tokens = googleTokens(SCOPE, project);

  async function call<T>(
    api: 'cloudfunctions' | 'cloudscheduler' | 'monitoring',
    request: { readonly operation: string; readonly path: string; readonly method?: 'POST'; readonly role: string },
    reply: z.ZodType<T>,
  ): Promise<T> {
    const { operation, path, method = 'GET', role } = request;
    const { data } = await httpCall({
      system: `Google ${api}`,
      operation,
      target: `project ${project}`,
      method,
      url: `${googleAddress(api, options.apiUrl)}${path}`,
      headers: {
        authorization: `Bearer ${await tokens.accessToken()}`,
        ...(method === 'POST' ? { 'content-type': 'application/json' } : {}),
      },
      ...(method === 'POST' ? { body: '{}' } : {}),
      reply,
      effect: method === 'POST' ? 'write' : 'read',
      // To pause what is paused, and to resume what runs, is harmless.
      retry: 'safe',
      deadlineSeconds: DEADLINE_SECONDS,
      errorText: googleErrorText,
      credentialsRemedy: `Give the caller ${role} in the project ${project}, or log in again: gcloud auth application-default login.`,
      clock,
      random,
    });
    return data;
  }

  async function pages<T extends { readonly nextPageToken?: string | undefined }>(
    one: (query: string) => Promise<T>,
  ): Promise<readonly T[]> {
    const found: T[] = [];
    let token = '';
    do {
      const page = await one(token === '' ? '' : `&pageToken=${encodeURIComponent(token)}`);
      found.push(page);
      token = page.nextPageToken ?? '';
    } while (token !== '' && found.length < MAX_PAGES);
    return found;
  }

  const parent = (region: string): string =>
    `projects/${encodeURIComponent(project)}/locations/${encodeURIComponent(region)}`;

  return {
    async functions() {
      const found = await pages((more) =>
        call(
          'cloudfunctions',
          {
            operation: 'list functions',
            path: `/v2/${parent('-')}/functions?pageSize=500${more}`,
            role: 'roles/cloudfunctions.viewer',
          },
          Functions,
        ),
      );
      return ours(
        found.flatMap(({ functions }) =>
          functions.map(({ name, state, updateTime, serviceConfig }): DeployedFunction => ({
            ...placeOf(name),
            state,
            uri: serviceConfig?.uri,
            revision: serviceConfig?.revision,
            updated: updateTime,
          })),
        ),
      );
    },
    async jobs(regions) {
      const found = await Promise.all(
        regions.map((region) =>
          pages((more) =>
            call(
              'cloudscheduler',
              {
                operation: 'list jobs',
                path: `/v1/${parent(region)}/jobs?pageSize=500${more}`,
                role: 'roles/cloudscheduler.viewer',
              },
              Jobs,
            ),
          ),
        ),
      );
      return ours(found.flat().flatMap(({ jobs }) => jobs.map(jobOf)));
    },
    async setPaused({ name, region }, paused) {
      const verb = paused ? 'pause' : 'resume';
      await call(
        'cloudscheduler',
        {
          operation: `${verb} job ${name}`,
          path: `/v1/${parent(region)}/jobs/${encodeURIComponent(name)}:${verb}`,
          method: 'POST',
          role: 'roles/cloudscheduler.admin',
        },
        Job,
      );
    },
    async deadLetters() {
      const now = clock.now();
      const since = new Date(now.getTime() - DEAD_LETTER_MINUTES * 60_000);
      const query = new URLSearchParams({
        filter: `metric.type = "pubsub.googleapis.com/subscription/num_undelivered_messages" AND resource.labels.subscription_id = starts_with("${PREFIX}")`,
        'interval.startTime': since.toISOString(),
        'interval.endTime': now.toISOString(),
      });
      const found = await pages((more) =>
        call(
          'monitoring',
          {
            operation: 'read dead letters',
            path: `/v3/projects/${encodeURIComponent(project)}/timeSeries?${query.toString()}${more}`,
            role: 'roles/monitoring.viewer',
          },
          Series,
        ),
      );
      return new Map(
        found
          .flatMap(({ timeSeries }) => timeSeries)
          .flatMap(({ resource, points }): readonly [string, number][] => {
            const subscription = resource.labels['subscription_id'] ?? '';
            // The newest point comes first.
            const count = Number(points[0]?.value.int64Value ?? '0');
            return subscription.endsWith('-dead') && count > 0 ? [[subscription, count]] : [];
          }),
      );
    },
    async invoke({ name, uri }, body, deadlineSeconds) {
      if (uri === undefined) {
        throw new ConfigurationError(`The function ${name} has no address yet.`, {
          remedy: 'See `nightshift status` for its state; a failed build is in the logs of Cloud Build.',
        });
      }
      const { status, data } = await httpCall({
        system: 'Cloud Functions',
        operation: 'invoke',
        target: name,
        method: 'POST',
        url: uri,
        headers: {
          authorization: `Bearer ${await tokens.identityToken(uri)}`,
          'content-type': 'application/json',
        },
        body: JSON.stringify(body),
        reply: z.unknown(),
        effect: 'write',
        retry: 'never',
        deadlineSeconds,
        errorText: invokeErrorText,
        credentialsRemedy: `Name yourself in var.invokers of terraform/, which gives roles/run.invoker on ${name}.`,
        clock,
        random,
      });
      return { status, body: data };
    },
  };
}

const InvokeError = z.lazy(() => z.looseObject({ error: z.looseObject({ message: z.string() }) }));

function invokeErrorText(body: unknown): { readonly text: string } | undefined {
  const parsed = InvokeError.safeParse(body);
  return parsed.success ? { text: parsed.data.error.message } : undefined;
}

function jobOf(job: z.infer<typeof Job>): ScheduledJob {
  const { code = 0, message } = job.status ?? {};
  return {
    ...placeOf(job.name),
    schedule: job.schedule,
    timezone: job.timeZone,
    state: STATES[job.state] ?? 'unknown',
    lastAttempt: job.lastAttemptTime,
    lastFailure: code === 0 ? undefined : (message ?? CODES[code] ?? `code ${String(code)}`),
    next: job.scheduleTime,
  };
}

const STATES: Readonly<Record<string, ScheduledJob['state']>> = {
  ENABLED: 'enabled',
  PAUSED: 'paused',
  DISABLED: 'disabled',
};

/** projects/P/locations/R/<kind>/NAME */
function placeOf(resource: string): { readonly name: string; readonly region: string } {
  const parts = resource.split('/');
  return { name: parts[5] ?? resource, region: parts[3] ?? '' };
}

function ours<T extends { readonly name: string }>(found: readonly T[]): readonly T[] {
  return found.filter(({ name }) => name.startsWith(PREFIX)).toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

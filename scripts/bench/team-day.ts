// Lives through the builds of a made-up team on the scenario clock: the shipped duty, settle and ingress over the Bitbucket double,
// minute by minute. It measures what the double holds in the end and judges nothing.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { loadScenario, parseScenario, type Scenario } from '../../fixtures/platform/scenario.ts';
import { shippedSignatureFiles } from '../../shared/config/shipped-signatures.ts';
import { parseSignatures } from '../../shared/config/signatures.ts';
import type { DecidedOutcome } from '../../shared/core/report.ts';
import { openScenario, type RunningScenario } from '../../shared/local/scenario.ts';
import type { Surroundings } from '../../shared/runtime/context.ts';
import type { ReadyDuty } from '../../shared/runtime/http.ts';
import { receive } from '../../shared/runtime/ingress.ts';
import { runDuty } from '../../shared/runtime/run.ts';
import { settle } from '../../shared/runtime/settle.ts';
import { startsHere } from '../../shared/runtime/start-run.ts';
import {
  buildsOf,
  PENDING_SECONDS,
  randomOf,
  slugOf,
  type TeamBuild,
  type TeamOptions,
  timesOf,
} from './team-builds.ts';

export interface TeamDayOptions extends TeamOptions {
  readonly hasWebhooks: boolean;
  /** After the last failure, until the last rerun was begun and looked at. */
  readonly afterHours: number;
  /** What Bitbucket grants; 1,000 when absent. */
  readonly requestsPerHour?: number;
  /** Merged over the policy of the scenarios, which sets channel, tracker and modes alone; the defaults when absent. */
  readonly policy?: object;
}

/** A transient failure, and what became of it. */
export interface Waited {
  readonly build: TeamBuild;
  /** From the end of the build to the start of its rerun; of each rerun. */
  readonly seconds: readonly number[];
  /** What the duty said last of it, where it was not rerun. */
  readonly said: string;
}

export interface TeamDay {
  readonly waited: readonly Waited[];
  /** Regular failures that were rerun: there must be none. */
  readonly wronglyRerun: number;
  /** The most that any rolling hour held, and the number in each hour of the clock. */
  readonly mostRequestsOfAnHour: number;
  readonly requestsByHour: readonly number[];
  readonly requestsByOperation: Readonly<Record<string, number>>;
  readonly refusedRequests: number;
  /** Signatures of the storms that were told. */
  readonly storms: readonly string[];
}

const FOLDER = path.resolve(import.meta.dirname, '../../fixtures/pipeline-retry/transient');
const SECRET = 'nightshift-test-bitbucket-webhook-secret';
const BEGINNING = '2026-03-04T00:00:00Z';
const MINUTE_SECONDS = 60;
const HOUR_SECONDS = 3600;
/** Bitbucket sends webhooks within seconds. */
const WEBHOOK_SECONDS = 15;
/** A scheduler's tick comes up to that much late. */
const TICK_JITTER_MILLISECONDS = 2000;
const DEFINITION = 'pipelines:\n  default:\n    - step:\n        name: Build\n        script: [make build]\n';

export async function liveThrough(options: TeamDayOptions): Promise<TeamDay> {
  const files = await shippedSignatureFiles('pipeline-retry');
  const signatures = files.map(({ name, content }) =>
    typeof content === 'string' ? parseSignatures(content, name) : content,
  );
  const builds = buildsOf(options, signatures);
  const running = await openScenario(scenarioOf(options, builds), {
    duty: 'pipeline-retry',
    deadlineSeconds: 30,
    serving: { unchecked: true },
  });
  try {
    const said = listenedTo(running);
    await passTime(running, said.ready, options);
    return figuresOf(running, builds, said.last, said.storms);
  } finally {
    await running.close();
  }
}

async function passTime(
  running: RunningScenario,
  ready: ReadyDuty,
  { hasWebhooks, afterHours, ...team }: TeamDayOptions,
): Promise<void> {
  const surroundings: Surroundings = {
    ...running.ready.surroundings,
    startHere: startsHere(new Map([[ready.duty.name, ready]])),
  };
  const { clock, doubles } = running.platform;
  const random = randomOf(team.seed + 1);
  const beginning = clock.now().getTime();
  const at = (milliseconds: number): void => {
    clock.advance(Math.max(0, beginning + milliseconds - clock.now().getTime()));
  };
  const request = {
    scope: running.scenario.case.scope,
    dryRun: false,
    trigger: 'schedule',
    timeoutSeconds: ready.manifest.timeoutSeconds,
  } as const;
  const door = hasWebhooks ? await openDoor(surroundings) : undefined;
  try {
    const minutes = (timesOf(team).until + afterHours * HOUR_SECONDS) / MINUTE_SECONDS;
    for (let minute = 0; minute < minutes; minute += 1) {
      at(minute * MINUTE_SECONDS * 1000 + random() * TICK_JITTER_MILLISECONDS);
      await runDuty(ready.surroundings, ready.duty, ready.policy, request);
      await settle(surroundings);
      for (let second = WEBHOOK_SECONDS; door !== undefined && second < MINUTE_SECONDS; second += WEBHOOK_SECONDS) {
        at((minute * MINUTE_SECONDS + second) * 1000);
        await doubles.bitbucket.deliverWebhooks({ url: door.url, secret: SECRET });
        await settle(surroundings);
      }
    }
  } finally {
    await door?.close();
  }
}

/** The duty as it is, with an ear at its reports: what it said last of each pipeline, and its storms. */
function listenedTo(running: RunningScenario): {
  readonly ready: ReadyDuty;
  readonly last: ReadonlyMap<string, string>;
  readonly storms: ReadonlySet<string>;
} {
  const last = new Map<string, string>();
  const storms = new Set<string>();
  const listen = ({ decision, outcome }: DecidedOutcome): void => {
    const { subject, reason } = decision;
    if (decision.verdict === 'escalate') {
      storms.add(`${subject['signature'] ?? ''} ${String(reason.evidence['since'])}`);
      return;
    }
    const became = outcome === undefined ? '' : ` (${outcome.state}: ${outcome.detail})`;
    last.set(`${subject['repository'] ?? ''} ${subject['pipeline'] ?? ''}`, `${reason.rule}${became}`);
  };
  const { duty } = running.ready;
  const ready = {
    ...running.ready,
    duty: {
      ...duty,
      report: (input: Parameters<typeof duty.report>[0]) => {
        input.decided.forEach(listen);
        return duty.report(input);
      },
    },
  };
  return { ready, last, storms };
}

function scenarioOf(
  { repositories, requestsPerHour = 1000, policy = {} }: TeamDayOptions,
  builds: readonly TeamBuild[],
): Scenario {
  const byRepository = Map.groupBy(builds, ({ repository }) => repository);
  const { policy: usual } = loadScenario(FOLDER);
  return parseScenario({
    name: 'team',
    case: {
      why: 'The builds of a made-up team, for figures.',
      now: BEGINNING,
      scope: { workspace: 'example' },
      policy,
      expect: {},
    },
    policy: usual,
    bitbucket: {
      requestsPerHour,
      repositories: Array.from({ length: repositories }, (_, index) => {
        const slug = slugOf(index);
        const own = byRepository.get(slug) ?? [];
        return {
          slug,
          branches: Object.fromEntries(own.map(({ commit }) => [`change-${commit}`, commit])),
          pipelineFile: { '*': DEFINITION },
          pipelines: own.map((build, place) => pipelineOf(build, place + 1)),
        };
      }),
    },
  });
}

function pipelineOf({ commit, createdAt, seconds, kind, rerunPasses, log }: TeamBuild, number: number): object {
  const results = { passes: 'SUCCESSFUL', regular: 'FAILED', storm: ['FAILED', 'SUCCESSFUL'] };
  const passesThen = rerunPasses ? ['FAILED', 'SUCCESSFUL'] : 'FAILED';
  return {
    number,
    commit,
    branch: `change-${commit}`,
    createdAt: `+${String(createdAt)}s`,
    pendingSeconds: PENDING_SECONDS,
    steps: [
      {
        name: 'Build',
        seconds: [...seconds],
        result: kind === 'transient' ? passesThen : results[kind],
        log: kind === 'storm' || (kind === 'transient' && rerunPasses) ? [log, 'ok\n'] : log,
      },
    ],
  };
}

function figuresOf(
  running: RunningScenario,
  builds: readonly TeamBuild[],
  said: ReadonlyMap<string, string>,
  storms: ReadonlySet<string>,
): TeamDay {
  const { bitbucket } = running.platform.doubles;
  const beginning = Date.parse(BEGINNING);
  const reruns = new Map<string, number[]>();
  const numbers = new Map<string, number>();
  for (const { entry, pipelines } of bitbucket.workspace.repositories) {
    for (const { creator, target, createdAt, number } of pipelines) {
      const { hash } = target['commit'] as { readonly hash: string };
      const key = `${entry.slug} ${hash.slice(0, 9)}`;
      if (creator === 'Nightshift') {
        reruns.set(key, [...(reruns.get(key) ?? []), (createdAt - beginning) / 1000]);
      } else {
        numbers.set(key, number);
      }
    }
  }
  const startsOf = ({ repository, commit }: TeamBuild): readonly number[] =>
    reruns.get(`${repository} ${commit}`) ?? [];
  const calls = running.platform.calls.filter(({ system }) => system === 'bitbucket');
  const byHour = Map.groupBy(calls, ({ at }) => Math.floor((Date.parse(at) - beginning) / 3_600_000));
  const byOperation = Map.groupBy(calls, ({ operation }) => operation);
  return {
    waited: builds
      .filter(({ kind }) => kind === 'transient' || kind === 'storm')
      .map((build) => ({
        build,
        seconds: startsOf(build).map((at) => at - build.endsAt),
        said:
          said.get(`${build.repository} #${String(numbers.get(`${build.repository} ${build.commit}`))}`) ??
          'never seen',
      })),
    wronglyRerun: builds.filter((build) => build.kind === 'regular' && startsOf(build).length > 0).length,
    mostRequestsOfAnHour: bitbucket.mostRequestsOfAnHour(),
    requestsByHour: [...byHour].sort(([a], [b]) => a - b).map(([, { length }]) => length),
    requestsByOperation: Object.fromEntries([...byOperation].map(([name, { length }]) => [name, length])),
    refusedRequests: calls.filter(({ status }) => status === 429).length,
    storms: [...storms].sort(),
  };
}

async function openDoor(surroundings: Surroundings): Promise<{ readonly url: string; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const headers = Object.fromEntries(
        Object.entries(request.headers).map(([name, value]) => [name, Array.isArray(value) ? value.join() : value]),
      );
      receive(surroundings, { headers, body: Buffer.concat(parts).toString('utf8'), path: '/ingress/bitbucket' }).then(
        ({ status }) => response.writeHead(status).end(),
        () => response.writeHead(500).end(),
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/ingress/bitbucket`,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => {
          resolve();
        });
      }),
  };
}

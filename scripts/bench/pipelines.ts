// A day of builds on the scenario clock: requests of each hour, and how long a transient failure waited for its rerun, with webhooks
// and without. It drives the shipped duty over the Bitbucket double; what the figures mean is for who reads them.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { loadScenario, parseScenario } from '../../fixtures/platform/scenario.ts';
import { openScenario, type RunningScenario } from '../../shared/local/scenario.ts';
import type { Surroundings } from '../../shared/runtime/context.ts';
import { receive } from '../../shared/runtime/ingress.ts';
import { settle } from '../../shared/runtime/settle.ts';
import { startsHere } from '../../shared/runtime/start-run.ts';

interface Day {
  readonly repositories: number;
  readonly hours: number;
  readonly failuresPerHour: number;
  /** Of all failures; the others are the fault of a change. */
  readonly transientShare: number;
  /** This many repositories have most of the builds. */
  readonly active: number;
  readonly hasWebhooks: boolean;
}

interface DayFigures {
  /** The most that any rolling hour held. */
  readonly mostRequestsOfAnHour: number;
  readonly transient: number;
  readonly rerun: number;
  readonly twice: number;
  /** Seconds from the end of a failed build to the start of its rerun; of repositories with many builds, and of the rest. */
  readonly longestActiveSeconds: number;
  readonly longestQuietSeconds: number;
}

const FOLDER = path.resolve(import.meta.dirname, '../../fixtures/pipeline-retry/transient');
const SECRET = 'nightshift-test-bitbucket-webhook-secret';
const MINUTE_SECONDS = 60;
const HOUR_SECONDS = 3600;
const ACTIVE_SHARE = 0.9;
const PENDING_SECONDS = 5;
const BUILD_SECONDS = 60;
/** Before the first failure, so that it is known who is active. */
const WARM_UP_SECONDS = 600;
const DEFINITION = 'pipelines:\n  default:\n    - step:\n        name: Build\n        script: [npm ci]\n';
const REGULAR = "src/cart.ts(12,5): error TS2322: Type 'string' is not assignable to type 'number'.\n";

/** `npm run bench -- pipelines`: two hundred repositories, fifty failures an hour, a day with webhooks and one without. */
export async function benchPipelines(): Promise<void> {
  for (const hasWebhooks of [true, false]) {
    const figures = await liveThrough({
      repositories: 200,
      hours: 24,
      failuresPerHour: 50,
      transientShare: 0.5,
      active: 40,
      hasWebhooks,
    });
    console.log(`${hasWebhooks ? 'with webhooks' : 'without webhooks'}: ${JSON.stringify(figures)}`);
  }
}

interface Failure {
  readonly repository: string;
  readonly commit: string;
  readonly isTransient: boolean;
  readonly isActive: boolean;
  readonly endsAtSeconds: number;
}

/** Lives through the day and counts. Minutes are walked through, so that hours pass in seconds. */
async function liveThrough(day: Day): Promise<DayFigures> {
  const failures = failuresOf(day);
  const running = await openScenario(scenarioOf(day, failures), { duty: 'pipeline-retry', deadlineSeconds: 30 });
  try {
    const surroundings: Surroundings = {
      ...running.ready.surroundings,
      startHere: startsHere(new Map([[running.ready.duty.name, running.ready]])),
    };
    const door = day.hasWebhooks ? await openDoor(surroundings) : undefined;
    const minutes = (WARM_UP_SECONDS + (day.hours + 1) * HOUR_SECONDS) / MINUTE_SECONDS + 5;
    for (let minute = 0; minute < minutes; minute += 1) {
      if (door !== undefined) {
        await running.platform.doubles.bitbucket.deliverWebhooks({ url: door.url, secret: SECRET });
        await settle(surroundings);
      }
      await running.run({ trigger: 'schedule' });
      await settle(surroundings);
      running.platform.clock.advance(MINUTE_SECONDS * 1000);
    }
    await door?.close();
    return figuresOf(running, failures);
  } finally {
    await running.close();
  }
}

/** Spread evenly, by fixed steps: the same day each time. */
function failuresOf({ repositories, hours, failuresPerHour, transientShare, active }: Day): readonly Failure[] {
  const every = HOUR_SECONDS / failuresPerHour;
  return Array.from({ length: hours * failuresPerHour }, (_, index) => {
    const isActive = (index * 7) % 10 < ACTIVE_SHARE * 10;
    const repository = isActive ? (index * 13) % active : active + ((index * 11) % (repositories - active));
    return {
      repository: `service-${String(repository).padStart(3, '0')}`,
      commit: (index + 1).toString(16).padStart(8, 'a'),
      isTransient: (index * 3) % 10 < transientShare * 10,
      isActive,
      endsAtSeconds: WARM_UP_SECONDS + Math.round(index * every) + PENDING_SECONDS + BUILD_SECONDS,
    };
  });
}

function scenarioOf({ repositories, active }: Day, failures: readonly Failure[]): ReturnType<typeof parseScenario> {
  const byRepository = Map.groupBy(failures, ({ repository }) => repository);
  const { policy } = loadScenario(FOLDER);
  return parseScenario({
    name: 'day',
    case: {
      why: 'A day of builds, for the figures of the benchmark.',
      now: '2026-03-04T00:00:00Z',
      scope: { workspace: 'example' },
      policy: {
        guardrails: { actionsPerHour: 200 },
        // Four causes for a day's failures: what would be a storm is none here, or its wait would be measured.
        duties: {
          'pipeline-retry': {
            rerunsPerRepositoryPerHour: 20,
            activeRepositories: active,
            storm: { repositories: 1000 },
          },
        },
      },
      expect: {},
    },
    policy,
    bitbucket: {
      repositories: Array.from({ length: repositories }, (_, index) => {
        const slug = `service-${String(index).padStart(3, '0')}`;
        const own = byRepository.get(slug) ?? [];
        return {
          slug,
          branches: Object.fromEntries(own.map(({ commit }) => [`change-${commit}`, commit])),
          pipelineFile: { '*': DEFINITION },
          pipelines: [
            // A build that passed, so that repositories with many builds are known as active from the first listing on.
            ...(index < active ? [passed(1, '-2m')] : []),
            ...own.map((failure, place) => ({
              number: place + 2,
              commit: failure.commit,
              branch: `change-${failure.commit}`,
              createdAt: `+${String(failure.endsAtSeconds - PENDING_SECONDS - BUILD_SECONDS)}s`,
              pendingSeconds: PENDING_SECONDS,
              steps: [
                {
                  name: 'Build',
                  seconds: BUILD_SECONDS,
                  result: failure.isTransient ? ['FAILED', 'SUCCESSFUL'] : 'FAILED',
                  log: failure.isTransient ? [transientLog(failure), 'ok\n'] : REGULAR,
                },
              ],
            })),
          ],
        };
      }),
    },
  });
}

function passed(number: number, createdAt: string): object {
  return { number, commit: '0000000f', createdAt, steps: [{ name: 'Build', log: 'ok\n' }] };
}

function transientLog({ commit }: Failure): string {
  const logs = [
    'npm error code ECONNRESET\nnpm error network request to https://registry.npm.acme.dev/x failed, reason: read ECONNRESET\n',
    "fatal: unable to access 'https://bitbucket.org/example/x.git/': Could not resolve host: bitbucket.org\n",
    'Error response from daemon: Get "https://registry-1.docker.io/v2/": net/http: TLS handshake timeout\n',
    "ERROR: Could not install packages due to an OSError: HTTPSConnectionPool(host='files.pythonhosted.org', port=443): Read timed out.\n",
  ];
  return logs[Number.parseInt(commit, 16) % logs.length] ?? '';
}

function figuresOf(running: RunningScenario, failures: readonly Failure[]): DayFigures {
  const { bitbucket } = running.platform.doubles;
  const beginning = Date.parse(running.scenario.case.now);
  const reruns = new Map<string, number[]>();
  for (const { entry, pipelines } of bitbucket.workspace.repositories) {
    for (const { creator, target, createdAt } of pipelines) {
      if (creator === 'Nightshift') {
        const { hash } = target['commit'] as { readonly hash: string };
        const key = `${entry.slug} ${hash.slice(0, 8)}`;
        reruns.set(key, [...(reruns.get(key) ?? []), createdAt]);
      }
    }
  }
  const waits = failures
    .filter(({ isTransient }) => isTransient)
    .map((failure) => {
      const times = reruns.get(`${failure.repository} ${failure.commit}`) ?? [];
      return { ...failure, times, seconds: ((times[0] ?? Number.NaN) - beginning) / 1000 - failure.endsAtSeconds };
    });
  const longest = (isActive: boolean): number =>
    Math.max(
      0,
      ...waits.filter((wait) => wait.isActive === isActive && wait.times.length > 0).map(({ seconds }) => seconds),
    );
  return {
    mostRequestsOfAnHour: bitbucket.mostRequestsOfAnHour(),
    transient: waits.length,
    rerun: waits.filter(({ times }) => times.length > 0).length,
    twice: [...reruns.values()].filter((times) => times.length > 1).length,
    longestActiveSeconds: longest(true),
    longestQuietSeconds: longest(false),
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

// The process that is measured: does one kind of work as often as it is told and sends back times and its peak memory.
// Each measurement has a fresh one, so that no earlier work warmed it up or filled its memory.
import { subscribe } from 'node:diagnostics_channel';
import { readFileSync } from 'node:fs';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { duty } from '../../functions/rebalance/index.ts';
import { kubernetesCluster } from '../../shared/adapters/kubernetes/cluster.ts';
import { systemClock, systemIds, systemRandom } from '../../shared/adapters/system/clock.ts';
import { readEnvironment } from '../../shared/config/environment.ts';
import { describeError } from '../../shared/core/errors.ts';
import type { CanonicalReport } from '../../shared/core/report.ts';
import type { Duty } from '../../shared/runtime/duty.ts';
import { runDuty } from '../../shared/runtime/run.ts';
import { openStoreOf } from '../../shared/wiring/ports.ts';
import { createSystem, policyOf } from '../../shared/wiring/system.ts';
import type { Target } from './target.ts';
import { type RawList, rawList, rawQueries, type RawQuery, rawVersion } from './floor.ts';

/** What kubectl asks for, and our adapter's own. */
const PAGE_SIZE = 500;
const TIMEOUT_SECONDS = 300;

type Scope = Target['scopes'][number];

interface Place {
  readonly kubernetesUrl: string;
  readonly kubernetesToken: string;
  readonly metricsUrl: string;
  readonly scopes: readonly Scope[];
  readonly now: string;
}

export type Work =
  | { readonly kind: 'raw list' }
  | { readonly kind: 'list' }
  /** For each scope the JSON list beside the first wave of its queries, then the other waves. */
  | { readonly kind: 'floor'; readonly waves: readonly Waves[] }
  | {
      readonly kind: 'run';
      readonly dryRun: boolean;
      readonly deadlineSeconds?: number;
      readonly recordQueries?: true;
    };

/** The queries of one scope, those of a wave at once. */
export type Waves = readonly (readonly RawQuery[])[];

export interface Task {
  readonly place: Place;
  readonly work: Work;
  readonly times: number;
}

export interface Measured {
  /** Of each time, in order: the first one is that of a cold process. */
  readonly milliseconds: readonly number[];
  readonly peakBytes: number;
  /** Time on a CPU over all times, user and system. */
  readonly cpuMilliseconds: number;
  /** Pods seen. */
  readonly pods: number;
  /** Of runs: their verdicts and what became of their actions. */
  readonly outcome?: Readonly<Record<string, number>>;
  /** Of each scope. */
  readonly waves?: readonly Waves[];
}

/** What is sent back. */
export type Answer = Measured | { readonly failed: string };

interface Done {
  readonly pods: number;
  readonly outcome?: Readonly<Record<string, number>>;
}

async function measure({ place, work, times }: Task): Promise<Measured> {
  const recorder = work.kind === 'run' && work.recordQueries === true ? recordQueries(place.metricsUrl) : undefined;
  const perform = performer(place, work, () => recorder?.nextScope());
  await perform.connect();
  const milliseconds: number[] = [];
  let last: Done = { pods: 0 };
  const cpuBefore = process.cpuUsage();
  for (let time = 0; time < times; time += 1) {
    const start = performance.now();
    last = await perform.once();
    milliseconds.push(performance.now() - start);
  }
  const cpu = process.cpuUsage(cpuBefore);
  return {
    milliseconds,
    peakBytes: peakBytes(),
    cpuMilliseconds: (cpu.user + cpu.system) / 1000,
    pods: last.pods,
    ...(last.outcome === undefined ? {} : { outcome: last.outcome }),
    ...(recorder === undefined ? {} : { waves: recorder.scopes }),
  };
}

/**
 * The kernel's own mark of this program. The usage that it tells of a process begins with what the process was forked from: with a
 * large parent that is more than all that is measured.
 */
function peakBytes(): number {
  const kibibytes =
    process.platform === 'linux'
      ? /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
      : undefined;
  return 1024 * (kibibytes === undefined ? process.resourceUsage().maxRSS : Number(kibibytes));
}

interface Performer {
  /** What is not part of the measurement. */
  connect(): Promise<unknown>;
  once(): Promise<Done>;
}

function performer(place: Place, work: Work, onScope: () => void): Performer {
  const list = {
    url: place.kubernetesUrl,
    token: place.kubernetesToken,
    pageSize: PAGE_SIZE,
  };
  const nothing = (): Promise<void> => Promise.resolve();
  switch (work.kind) {
    case 'raw list':
      // Both lists begin with a connection that stands: clients and credentials are loaded by the first call that a run makes.
      return {
        connect: () => rawVersion(list),
        once: () => overScopes(place, ({ namespace }) => rawList(list, namespace)),
      };
    case 'list': {
      const cluster = kubernetesCluster({
        name: place.scopes[0]?.cluster ?? '',
        pageSize: PAGE_SIZE,
        clock: systemClock,
        random: systemRandom,
        ...kubeconfigOf(process.env['KUBECONFIG']),
      });
      return {
        connect: () => cluster.serverTime(),
        once: () => overScopes(place, async ({ namespace }) => (await cluster.listPods(namespace)).length),
      };
    }
    case 'floor':
      return {
        connect: nothing,
        once: () => overScopes(place, ({ namespace }, index) => floor(list, namespace, work.waves[index])),
      };
    case 'run':
      return { connect: nothing, once: () => run(place, work, onScope) };
  }
}

/** One scope after the other, as one process works; `read` gives the pods of a scope. */
async function overScopes({ scopes }: Place, read: (scope: Scope, index: number) => Promise<number>): Promise<Done> {
  let pods = 0;
  for (const [index, scope] of scopes.entries()) {
    pods += await read(scope, index);
  }
  return { pods };
}

async function floor(list: RawList, namespace: string, [first = [], ...others]: Waves = []): Promise<number> {
  const [pods] = await Promise.all([rawList(list, namespace), rawQueries(first)]);
  for (const wave of others) {
    await rawQueries(wave);
  }
  return pods;
}

function kubeconfigOf(file: string | undefined): { kubeconfig?: string } {
  return file === undefined ? {} : { kubeconfig: file };
}

/** All that a function does at its first request: settings, policy, store, the run itself. */
async function run(
  place: Place,
  { dryRun, deadlineSeconds }: Extract<Work, { kind: 'run' }>,
  onScope: () => void,
): Promise<Done> {
  const environment = readEnvironment();
  const erased = duty as unknown as Duty;
  const store = openStoreOf(environment, systemClock);
  const system = createSystem({
    environment,
    policy: await policyOf(environment.policy, [erased]),
    store,
    clock: systemClock,
    ids: systemIds(systemClock),
    random: systemRandom,
    write: () => undefined,
    ...(deadlineSeconds === undefined ? {} : { deadlineSeconds }),
  });
  const manifest = { name: erased.name, timeoutSeconds: TIMEOUT_SECONDS, fanOut: false };
  const ready = system.ready({ duty: erased, manifest });
  const outcome: Record<string, number> = {};
  const done = await overScopes(place, async (scope) => {
    onScope();
    const result = await runDuty(ready.surroundings, ready.duty, ready.policy, {
      scope: { ...scope },
      dryRun,
      trigger: 'manual',
      now: place.now,
      timeoutSeconds: TIMEOUT_SECONDS,
    });
    if (result.kind === 'busy') {
      throw new Error(`Run ${result.runId} is at work on the scope: the store is not a fresh one.`);
    }
    const { report } = result;
    count(outcome, report);
    const pods = report.summary['pods_scanned'];
    return typeof pods === 'number' ? pods : 0;
  });
  await store.close();
  return { ...done, outcome };
}

function count(counts: Record<string, number>, report: CanonicalReport): void {
  const parts = [
    ...report.decisions.map(({ verdict }) => verdict),
    ...report.actions.map(({ outcome }) => `action ${outcome}`),
    ...report.deliveries.map(({ kind, state }) => `${kind} ${state}`),
    ...report.run.problems.map(() => 'problem'),
  ];
  for (const part of parts) {
    counts[part] = (counts[part] ?? 0) + 1;
  }
}

/** Notes the queries that go out. A wave is over when none of its queries is under way any more. */
function recordQueries(metricsUrl: string): { readonly scopes: readonly Waves[]; nextScope(): void } {
  const scopes: RawQuery[][][] = [];
  let waves: RawQuery[][] = [];
  let underWay = 0;
  subscribe('http.client.request.created', (message) => {
    const { request } = message as { readonly request: ClientRequest };
    const url = `${request.protocol}//${String(request.getHeader('host'))}${request.path}`;
    if (!url.startsWith(metricsUrl)) {
      return;
    }
    if (underWay === 0) {
      waves.push([]);
    }
    const wave = waves.at(-1);
    underWay += 1;
    request.once('response', (reply: IncomingMessage) => {
      reply.once('end', () => {
        underWay -= 1;
      });
    });
    const end = request.end.bind(request);
    request.end = (body?: unknown): ClientRequest => {
      const contentType = String(request.getHeader('content-type') ?? '');
      wave?.push({ url, method: request.method, contentType, body: typeof body === 'string' ? body : '' });
      return end(body);
    };
  });
  return {
    scopes,
    nextScope() {
      waves = [];
      scopes.push(waves);
    },
  };
}

process.once('message', (task) => {
  void measure(task as Task)
    .catch((error: unknown) => ({ failed: describeError(error) }))
    .then((answer: Answer) => {
      process.send?.(answer, () => process.exit());
    });
});

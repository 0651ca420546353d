// The process that is measured: does one kind of work as often as it is told and sends back times and its peak memory.
// Each measurement has a fresh one, so that no earlier work warmed it up or filled its memory.
import { subscribe } from 'node:diagnostics_channel';
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
import { type RawList, rawList, rawQueries, type RawQuery, rawVersion } from './floor.ts';

/** What kubectl asks for, and our adapter's own. */
const PAGE_SIZE = 500;
const TIMEOUT_SECONDS = 300;

interface Place {
  readonly kubernetesUrl: string;
  readonly kubernetesToken: string;
  readonly metricsUrl: string;
  readonly scope: { readonly cluster: string; readonly namespace: string };
  readonly now: string;
}

export type Work =
  | { readonly kind: 'raw list' }
  | { readonly kind: 'list' }
  /** The JSON list beside the first wave of queries, then the other waves. */
  | { readonly kind: 'floor'; readonly waves: readonly (readonly RawQuery[])[] }
  | {
      readonly kind: 'run';
      readonly dryRun: boolean;
      readonly deadlineSeconds?: number;
      readonly recordQueries?: true;
    };

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
  /** Of a run: its verdicts and what became of its actions. */
  readonly outcome?: Readonly<Record<string, number>>;
  readonly waves?: readonly (readonly RawQuery[])[];
}

/** What is sent back. */
export type Answer = Measured | { readonly failed: string };

interface Done {
  readonly pods: number;
  readonly report?: CanonicalReport;
}

async function measure({ place, work, times }: Task): Promise<Measured> {
  const recorder = work.kind === 'run' && work.recordQueries === true ? recordQueries(place.metricsUrl) : undefined;
  const perform = performer(place, work);
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
    peakBytes: process.resourceUsage().maxRSS * 1024,
    cpuMilliseconds: (cpu.user + cpu.system) / 1000,
    pods: last.pods,
    ...(last.report === undefined ? {} : { outcome: outcomeOf(last.report) }),
    ...(recorder === undefined ? {} : { waves: recorder.waves }),
  };
}

interface Performer {
  /** What is not part of the measurement. */
  connect(): Promise<unknown>;
  once(): Promise<Done>;
}

function performer(place: Place, work: Work): Performer {
  const list = {
    url: place.kubernetesUrl,
    token: place.kubernetesToken,
    namespace: place.scope.namespace,
    pageSize: PAGE_SIZE,
  };
  const nothing = (): Promise<void> => Promise.resolve();
  switch (work.kind) {
    case 'raw list':
      // Both lists begin with a connection that stands: clients and credentials are loaded by the first call that a run makes.
      return { connect: () => rawVersion(list), once: async () => ({ pods: await rawList(list) }) };
    case 'list': {
      const cluster = kubernetesCluster({
        name: place.scope.cluster,
        pageSize: PAGE_SIZE,
        clock: systemClock,
        random: systemRandom,
        ...kubeconfigOf(process.env['KUBECONFIG']),
      });
      return {
        connect: () => cluster.serverTime(),
        once: async () => ({ pods: (await cluster.listPods(place.scope.namespace)).length }),
      };
    }
    case 'floor':
      return { connect: nothing, once: () => floor(list, work.waves) };
    case 'run':
      return { connect: nothing, once: () => run(place, work) };
  }
}

async function floor(list: RawList, [first = [], ...others]: readonly (readonly RawQuery[])[]): Promise<Done> {
  const [pods] = await Promise.all([rawList(list), rawQueries(first)]);
  for (const wave of others) {
    await rawQueries(wave);
  }
  return { pods };
}

function kubeconfigOf(file: string | undefined): { kubeconfig?: string } {
  return file === undefined ? {} : { kubeconfig: file };
}

/** All that a function does at its first request: settings, policy, store, the run itself. */
async function run(place: Place, { dryRun, deadlineSeconds }: Extract<Work, { kind: 'run' }>): Promise<Done> {
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
  const result = await runDuty(ready.surroundings, ready.duty, ready.policy, {
    scope: place.scope,
    dryRun,
    trigger: 'manual',
    now: place.now,
    timeoutSeconds: TIMEOUT_SECONDS,
  });
  await store.close();
  if (result.kind === 'busy') {
    throw new Error(`Run ${result.runId} is at work on the scope: the store is not a fresh one.`);
  }
  const { report } = result;
  const pods = report.summary['pods_scanned'];
  return { pods: typeof pods === 'number' ? pods : 0, report };
}

function outcomeOf(report: CanonicalReport): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  const parts = [
    ...report.decisions.map(({ verdict }) => verdict),
    ...report.actions.map(({ outcome }) => `action ${outcome}`),
    ...report.deliveries.map(({ kind, state }) => `${kind} ${state}`),
    ...report.run.problems.map(() => 'problem'),
  ];
  for (const part of parts) {
    counts[part] = (counts[part] ?? 0) + 1;
  }
  return counts;
}

/** Notes the queries that go out. A wave is over when none of its queries is under way any more. */
function recordQueries(metricsUrl: string): { readonly waves: RawQuery[][] } {
  const waves: RawQuery[][] = [];
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
  return { waves };
}

process.once('message', (task) => {
  void measure(task as Task)
    .catch((error: unknown) => ({ failed: describeError(error) }))
    .then((answer: Answer) => {
      process.send?.(answer, () => process.exit());
    });
});

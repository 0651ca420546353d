// The process with the embedded platform, so that its work and its memory are not counted as ours. Started by target.ts, which
// says of what; tells its addresses, and on request which calls came since the last time.
import { setTimeout as wait } from 'node:timers/promises';
import { startPlatform } from '../../fixtures/platform/platform.ts';
import type { Double, DoubleReply } from '../../fixtures/platform/kit.ts';
import { KUBERNETES_TOKEN } from '../../fixtures/platform/kubernetes/kubernetes-double.ts';
import { namespaceScenario, type NamespaceOptions } from './namespace.ts';

/** What is told once, when the platform answers. */
export interface PlatformReady {
  readonly kubeconfig: string;
  readonly variables: Readonly<Record<string, string>>;
  readonly urls: Readonly<Record<'kubernetes' | 'victoriametrics' | 'slack' | 'jira', string>>;
  readonly kubernetesToken: string;
  /** With the addresses still to be put in. */
  readonly policy: unknown;
}

/** What may be asked of this process. */
export type PlatformRequest =
  /** Answered by the calls since the last time. */
  | { readonly ask: 'calls' }
  /** From now on queries are answered after the time that a real server takes, or at once. Answered by `{}`. */
  | { readonly ask: 'pace'; readonly isPaced: boolean }
  /** Pods that were changed become what they were. Answered by `{}`. */
  | { readonly ask: 'put back' };

/** How often an operation was called, as `<system> <operation>`. */
export type CallCounts = Readonly<Record<string, number>>;

async function main(options: NamespaceOptions): Promise<void> {
  const scenario = namespaceScenario(options);
  const pace = { isOn: false, factor: options.pods / PACED_PODS };
  const platform = await startPlatform(
    { scenario },
    {},
    {
      unchecked: true,
      inPlaceOf: (double) => (double.system === 'victoriametrics' ? remembering(double, pace) : double),
    },
  );
  const { kubernetes } = platform.doubles;
  const originals = new Map(kubernetes.objects('Pod').map((pod) => [pod.metadata.name, structuredClone(pod)]));
  const putBack = (): void => {
    for (const [name, original] of originals) {
      const namespace = original.metadata.namespace ?? '';
      if (kubernetes.object('Pod', namespace, name)?.metadata.resourceVersion !== original.metadata.resourceVersion) {
        kubernetes.remove('Pod', namespace, name);
        kubernetes.add(structuredClone(original));
        originals.set(name, structuredClone(kubernetes.object('Pod', namespace, name) ?? original));
      }
    }
  };
  let seen = 0;
  process.on('message', (message) => {
    const request = message as PlatformRequest;
    if (request.ask === 'put back') {
      putBack();
      process.send?.({});
      return;
    }
    if (request.ask === 'pace') {
      pace.isOn = request.isPaced;
      process.send?.({});
      return;
    }
    const counts: Record<string, number> = {};
    for (const { system, operation } of platform.calls.slice(seen)) {
      const name = `${system} ${operation}`;
      counts[name] = (counts[name] ?? 0) + 1;
    }
    seen = platform.calls.length;
    process.send?.(counts satisfies CallCounts);
  });
  process.on('disconnect', () => {
    process.exit();
  });
  const { kubeconfig, env } = platform.settings();
  const ready: PlatformReady = {
    kubeconfig,
    variables: env,
    urls: platform.urls,
    kubernetesToken: KUBERNETES_TOKEN,
    policy: scenario.policy,
  };
  process.send?.(ready);
}

/**
 * The double of VictoriaMetrics needs seconds for what the real one answers at once: evaluated anew, its time would be most of
 * what is measured and hide ours. Each query is evaluated once, and every client gets the same bytes.
 */
function remembering(double: Double, pace: { readonly isOn: boolean; readonly factor: number }): Double {
  const known = new Map<string, DoubleReply>();
  let line = Promise.resolve();
  return {
    system: double.system,
    operationOf: (request) => double.operationOf(request),
    expiredToken: (request) => double.expiredToken(request),
    tooManyRequests: (retryAfterSeconds) => double.tooManyRequests(retryAfterSeconds),
    serverError: () => double.serverError(),
    async handle(request) {
      const asked = new URLSearchParams([...request.query, ...new URLSearchParams(request.body.toString('utf8'))]);
      asked.delete('timeout'); // How long a client would wait changes nothing of the answer.
      const key = `${request.path}?${asked.toString()}`;
      const reply = known.get(key) ?? (await double.handle(request));
      known.set(key, reply);
      if (pace.isOn) {
        const query = asked.get('query') ?? '';
        const milliseconds = OF_ONE_POD.test(query) ? ONE_POD_MILLISECONDS : pace.factor * serverMilliseconds(query);
        line = line.then(() => wait(milliseconds));
        await line;
      }
      return reply;
    },
  };
}

/**
 * What VictoriaMetrics 1.107 needed on one core for a query over a day of 5,000 containers (measured in November 2026). Queries
 * wait in line for that core.
 */
const PACED_PODS = 5000;
/** A query that names its pod takes as long in a namespace of any size. */
const OF_ONE_POD = /[{,]pod="/;
const ONE_POD_MILLISECONDS = 2;

function serverMilliseconds(query: string): number {
  if (query.includes('quantile_over_time')) {
    return query.includes('rate(') ? 330 : 650;
  }
  return query.includes('rate(') || query.includes('sum_over_time') ? 200 : 140;
}

await main(JSON.parse(process.argv[2] ?? '') as NamespaceOptions);

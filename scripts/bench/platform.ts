// The process with the embedded platform, so that its work and its memory are not counted as ours. Started by target.ts, which
// says how many pods; tells its addresses, and on request which calls came since the last time.
import { startPlatform } from '../../fixtures/platform/platform.ts';
import type { Double, DoubleReply } from '../../fixtures/platform/kit.ts';
import { KUBERNETES_TOKEN } from '../../fixtures/platform/kubernetes/kubernetes-double.ts';
import { namespaceScenario } from './namespace.ts';

/** What is told once, when the platform answers. */
export interface PlatformReady {
  readonly kubeconfig: string;
  readonly variables: Readonly<Record<string, string>>;
  readonly urls: Readonly<Record<'kubernetes' | 'victoriametrics' | 'slack' | 'jira', string>>;
  readonly kubernetesToken: string;
  /** With the addresses still to be put in. */
  readonly policy: unknown;
}

/** How often an operation was called, as `<system> <operation>`. */
export type CallCounts = Readonly<Record<string, number>>;

async function main(pods: number, now: string): Promise<void> {
  const scenario = namespaceScenario(pods, now);
  const platform = await startPlatform({ scenario }, {}, { unchecked: true, inPlaceOf: rememberingQueries });
  let seen = 0;
  process.on('message', () => {
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
function rememberingQueries(double: Double): Double {
  if (double.system !== 'victoriametrics') {
    return double;
  }
  const known = new Map<string, DoubleReply>();
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
      return reply;
    },
  };
}

const [pods = '', now = ''] = process.argv.slice(2);
await main(Number(pods), now);

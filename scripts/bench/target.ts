// The servers that the benchmarks run against, as addresses and settings: here the embedded platform in a process of its own;
// whatever fills a Target can be measured the same way, as real.ts does.
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { stringify } from 'yaml';
import type { NamespaceOptions } from './namespace.ts';
import type { CallCounts, PlatformReady, PlatformRequest } from './platform.ts';

/** The longest samples of 5,000 containers, the objects and their encodings. */
const PLATFORM_HEAP_MIB = 6144;

export interface Target {
  /** In all namespaces together. */
  readonly pods: number;
  readonly scopes: readonly { readonly cluster: string; readonly namespace: string }[];
  /** The time that runs decide by, ISO: queries stay the same from run to run. */
  readonly now: string;
  /** Environment variables with which a process works on these servers; all but the store. */
  readonly variables: Readonly<Record<string, string>>;
  /** For clients that are none of ours. */
  readonly kubernetesUrl: string;
  readonly kubernetesToken: string;
  readonly metricsUrl: string;
  /** How often which operation was called since the last time; undefined where nobody counts. */
  takeCalls?(): Promise<CallCounts>;
  /** Where the servers answer at once: whether queries take the time that a real server needs for them. */
  setPace?(isPaced: boolean): Promise<void>;
  /** Undoes what runs have changed, so that the next one finds the same; absent where none but dry runs are meant. */
  putBack?(): Promise<void>;
  close(): Promise<void>;
}

/** The embedded platform over a namespace of so many pods. */
export async function embeddedTarget(pods: number, isSteady = false): Promise<Target> {
  const now = new Date(Math.floor(Date.now() / 1000) * 1000).toISOString();
  const options: NamespaceOptions = { pods, now, isSteady };
  const child = fork(path.join(import.meta.dirname, 'platform.ts'), [JSON.stringify(options)], {
    execArgv: [`--max-old-space-size=${String(PLATFORM_HEAP_MIB)}`],
  });
  const ready = (await answerOf(child)) as PlatformReady;
  const folder = await mkdtemp(path.join(tmpdir(), 'nightshift-bench-'));
  const policyFile = path.join(folder, 'policy.yaml');
  const kubeconfig = path.join(folder, 'kubeconfig');
  await writeFile(kubeconfig, ready.kubeconfig, { mode: 0o600 });
  await writeFile(policyFile, stringify(withAddresses(ready)));
  return {
    pods,
    scopes: [{ cluster: 'test', namespace: 'default' }],
    now,
    variables: { ...ready.variables, NIGHTSHIFT_POLICY: policyFile, KUBECONFIG: kubeconfig },
    kubernetesUrl: ready.urls.kubernetes,
    kubernetesToken: ready.kubernetesToken,
    metricsUrl: ready.urls.victoriametrics,
    async takeCalls() {
      child.send({ ask: 'calls' } satisfies PlatformRequest);
      return (await answerOf(child)) as CallCounts;
    },
    async setPace(isPaced) {
      child.send({ ask: 'pace', isPaced } satisfies PlatformRequest);
      await answerOf(child);
    },
    async putBack() {
      child.send({ ask: 'put back' } satisfies PlatformRequest);
      await answerOf(child);
    },
    async close() {
      const ended = once(child, 'exit');
      child.disconnect();
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The next message of the child. Fails when it ends instead. */
export async function answerOf(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null): void => {
      reject(new Error(`${child.spawnargs.at(1) ?? 'The process'} ended (${String(code)}) before it answered.`));
    };
    child.once('exit', ended);
    child.once('message', (message) => {
      child.off('exit', ended);
      resolve(message);
    });
  });
}

function withAddresses({ policy, urls }: PlatformReady): unknown {
  const text = JSON.stringify(policy)
    .replaceAll('${METRICS_URL}', urls.victoriametrics)
    .replaceAll('${JIRA_URL}', urls.jira);
  return JSON.parse(text) as unknown;
}

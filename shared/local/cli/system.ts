// What the commands work on: environment and policy with the flags of the command line laid over them.
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { systemClock, systemIds, systemRandom } from '../../adapters/system/clock.ts';
import { type Environment, readEnvironment } from '../../config/environment.ts';
import { type LoadedPolicy, policyForDryRun } from '../../config/policy.ts';
import { CallerError, describeError } from '../../core/errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Ports } from '../../ports/ports.ts';
import type { Store } from '../../ports/store.ts';
import type { Surroundings } from '../../runtime/context.ts';
import type { ReadyDuty } from '../../runtime/http.ts';
import { memoryStore, openStoreForReading, openStoreOf } from '../../wiring/ports.ts';
import { createSystem, policyOf } from '../../wiring/system.ts';
import { findDuties, type FoundDuty } from '../duties.ts';
import type { Terminal } from './terminal.ts';

export interface PolicyFlags {
  readonly policy?: string;
  readonly cluster?: string;
  readonly namespace?: string;
  readonly context?: string;
  readonly metricsUrl?: string;
  readonly metricsSelector?: string;
}

export interface OpenSystem {
  readonly clusters: readonly string[];
  readonly surroundings: Surroundings;
  ready(found: FoundDuty): ReadyDuty;
  close(): Promise<void>;
}

const DRY_RUN_CLUSTER = 'default';

/** The system for one command. A dry run works without a policy file and without a store. */
export async function openSystem(
  terminal: Terminal,
  flags: PolicyFlags,
  run: { readonly dryRun: boolean; readonly now: string | undefined },
): Promise<OpenSystem> {
  const environment = readEnvironment();
  const policy = await policyFor(terminal, environment, flags, run.dryRun);
  const store = run.dryRun ? await storeOfDryRun(terminal, environment) : await localStore(environment, systemClock);
  const system = createSystem({
    environment,
    policy,
    store,
    clock: systemClock,
    ids: systemIds(systemClock),
    random: systemRandom,
    write: (line) => {
      // A person at a terminal reads the table; the log is for whoever asked for it, and for what went wrong.
      if (
        !terminal.isInteractive ||
        process.stderr.isTTY !== true ||
        /"severity":"(WARNING|ERROR|CRITICAL)"/.test(line)
      ) {
        terminal.progressDone();
        process.stderr.write(line);
      }
    },
  });
  return {
    clusters: Object.keys(policy.team.clusters),
    surroundings: system.surroundings,
    ready: (found) => system.ready(found),
    async close() {
      await system.close();
      await store.close();
    },
  };
}

async function policyFor(
  terminal: Terminal,
  environment: Environment,
  flags: PolicyFlags,
  dryRun: boolean,
): Promise<LoadedPolicy> {
  const file = flags.policy ?? environment.policy;
  const duties = (await findDuties()).map((found) => found.duty);
  if (file !== undefined) {
    const policy = await policyOf(file, duties);
    for (const warning of policy.warnings) {
      terminal.warn(`Policy: ${warning}`);
    }
    return withFlags(policy, flags);
  }
  if (!dryRun) {
    throw new CallerError('Without a policy only dry runs are made.', {
      remedy: 'Add --dry-run, or write a policy with `nightshift init` and name it by --policy or NIGHTSHIFT_POLICY.',
    });
  }
  if (flags.metricsUrl === undefined) {
    throw new CallerError('Where are the metrics?', {
      field: '--metrics-url',
      remedy: 'Give --metrics-url, the address of VictoriaMetrics or Prometheus, such as http://127.0.0.1:8428.',
    });
  }
  if (flags.namespace === undefined) {
    throw new CallerError('Which namespace?', {
      field: '--namespace',
      remedy: 'Without a policy, --namespace is needed.',
    });
  }
  terminal.warn('No policy file: the defaults of every rule are used. `nightshift init` writes a policy.');
  return policyForDryRun(
    {
      cluster: flags.cluster ?? DRY_RUN_CLUSTER,
      namespace: flags.namespace,
      metricsUrl: flags.metricsUrl,
      ...(flags.metricsSelector === undefined ? {} : { selector: flags.metricsSelector }),
      ...(flags.context === undefined ? {} : { context: flags.context }),
    },
    Object.fromEntries(duties.map((duty) => [duty.name, duty.policy])),
  );
}

/** Flags change the cluster that they name, or the only one. */
function withFlags(policy: LoadedPolicy, flags: PolicyFlags): LoadedPolicy {
  const { metricsUrl, metricsSelector, context } = flags;
  if (metricsUrl === undefined && metricsSelector === undefined && context === undefined) {
    return policy;
  }
  const names = Object.keys(policy.team.clusters);
  const name = flags.cluster ?? (names.length === 1 ? names[0] : undefined);
  const before = name === undefined ? undefined : policy.team.clusters[name];
  if (name === undefined || before === undefined) {
    throw new CallerError('Which cluster of the policy do --metrics-url, --metrics-selector and --context belong to?', {
      field: '--cluster',
      remedy: `--cluster ${names.join(' | ')}`,
    });
  }
  const after = {
    ...before,
    ...(context === undefined ? {} : { context }),
    metrics: {
      ...before.metrics,
      ...(metricsUrl === undefined ? {} : { url: metricsUrl }),
      ...(metricsSelector === undefined ? {} : { selector: metricsSelector }),
    },
  };
  return { ...policy, team: { ...policy.team, clusters: { ...policy.team.clusters, [name]: after } } };
}

export async function localStore(environment: Environment, clock: Clock): Promise<Store> {
  if (environment.store.kind === 'sqlite' && environment.store.path !== ':memory:') {
    await mkdir(path.dirname(path.resolve(environment.store.path)), { recursive: true });
  }
  return openStoreOf(environment, clock);
}

/** A dry run needs the past for cooldowns; it works without, and says so. */
async function storeOfDryRun(terminal: Terminal, environment: Environment): Promise<Store> {
  if (environment.policy === undefined) {
    return memoryStore(systemClock);
  }
  const store = readingStore(terminal, environment);
  try {
    await store.read('runs', 'any');
    return store;
  } catch (error) {
    await store.close();
    terminal.warn(
      `The store cannot be read: earlier changes of ours are not known to this dry run. ${describeError(error)}`,
    );
    return memoryStore(systemClock);
  }
}

function readingStore(terminal: Terminal, environment: Environment): Store {
  const told = new Set<string>();
  return openStoreForReading(environment, systemClock, (message) => {
    if (!told.has(message)) {
      told.add(message);
      terminal.warn(`Not everything can be read. ${message}`);
    }
  });
}

/** The store alone, for commands that look at the past; with `terminal`, one that is damaged or read-only shows what can be read. */
export async function openStore(terminal?: Terminal): Promise<{ store: Store; ports: Ports; close(): Promise<void> }> {
  const environment = readEnvironment();
  const store =
    terminal === undefined ? await localStore(environment, systemClock) : readingStore(terminal, environment);
  const ports: Ports = {
    cluster: needsPolicy,
    metrics: needsPolicy,
    chat: undefined,
    tracker: undefined,
    ci: undefined,
    queue: undefined,
    model: undefined,
    picture: undefined,
    store,
    clock: systemClock,
    ids: systemIds(systemClock),
  };
  return { store, ports, close: () => store.close() };
}

function needsPolicy(name: string): never {
  throw new CallerError(`Cluster ${name} cannot be reached by this command: it reads the store alone.`);
}

// One instance of Nightshift by the shipped wiring, over the store and the platform that its variables name: in this process, or
// as all that a child process is (child.ts). It judges nothing.
import type { Judgement } from '../../../shared/actions/judgement.ts';
import { ACTION_KINDS } from '../../../shared/actions/kinds.ts';
import { readEnvironment } from '../../../shared/config/environment.ts';
import { NightshiftError } from '../../../shared/core/errors.ts';
import type { JsonObject } from '../../../shared/core/json.ts';
import { type ActionOperation, resultOf } from '../../../shared/local/action-route.ts';
import { findDrivers, findDuties, findDuty } from '../../../shared/local/duties.ts';
import type { Clock } from '../../../shared/ports/clock.ts';
import type { Store } from '../../../shared/ports/store.ts';
import type { Surroundings } from '../../../shared/runtime/context.ts';
import { storeEvent } from '../../../shared/runtime/ingress.ts';
import { runDuty } from '../../../shared/runtime/run.ts';
import { openStoreOf } from '../../../shared/wiring/ports.ts';
import { createSystem, policyOf } from '../../../shared/wiring/system.ts';

/** What an instance is asked to do. */
export type Job =
  | { readonly do: 'run'; readonly duty: string; readonly scope: JsonObject; readonly deliveryId?: string }
  | { readonly do: 'drive'; readonly driver: string }
  | {
      readonly do: 'event';
      readonly source: string;
      readonly deliveryId: string;
      readonly event: JsonObject;
    }
  | ({ readonly do: 'operate' } & ActionOperation);

export interface InstanceOptions {
  readonly variables: Readonly<Record<string, string>>;
  readonly clock: Clock;
  /** Begins the ids of its runs: two instances never make the same. */
  readonly name: string;
  /** What every judge says, in place of what it sees; absent: it judges. */
  readonly judged?: Judgement['verdict'];
  /** Called at each step of the runtime, and before and after each commit of the store. */
  readonly onStep?: (step: string) => Promise<void>;
}

export interface Instance {
  readonly surroundings: Surroundings;
  readonly store: Store;
  /** Gives what came of it in a word; an error of ours is such a word too. */
  perform(job: Job): Promise<string>;
  close(): Promise<void>;
}

/** Who decides in place of a person. */
export const PERSON = 'alice';
/** No fault test is about a deadline, and the machine may be busy. */
const DEADLINE_SECONDS = 60;

export async function openInstance(options: InstanceOptions): Promise<Instance> {
  const { variables, clock, judged, onStep } = options;
  const environment = readEnvironment(variables);
  const found = await findDuties();
  const opened = openStoreOf(environment, clock);
  const store = onStep === undefined ? opened : seen(opened, onStep);
  let runs = 0;
  const system = createSystem({
    environment,
    policy: await policyOf(
      environment.policy,
      found.map((one) => one.duty),
    ),
    store,
    clock,
    ids: {
      next() {
        runs += 1;
        return `${options.name}-${String(runs).padStart(4, '0')}`;
      },
    },
    random: () => 0.5,
    write: () => undefined,
    deadlineSeconds: DEADLINE_SECONDS,
  });
  const also = {
    ...(judged === undefined ? {} : { kinds: judgedKinds(judged) }),
    ...(onStep === undefined ? {} : { onStep }),
  };
  const surroundings = { ...system.surroundings, ...also };

  async function perform(job: Job): Promise<string> {
    switch (job.do) {
      case 'run': {
        const ready = system.ready(findDuty(found, job.duty));
        const result = await runDuty({ ...ready.surroundings, ...also }, ready.duty, ready.policy, {
          scope: job.scope,
          dryRun: false,
          trigger: 'schedule',
          timeoutSeconds: ready.manifest.timeoutSeconds,
          ...(job.deliveryId === undefined ? {} : { deliveryId: job.deliveryId }),
        });
        return result.kind;
      }
      case 'drive': {
        const { driver } = (await findDrivers()).find((one) => one.driver.name === job.driver) ?? {};
        return JSON.stringify(await driver?.drive(surroundings, { headers: {}, body: '' }));
      }
      case 'event': {
        // As ingress takes it, and as who hears of it works on it.
        const { id } = await storeEvent(surroundings, job.source, job.deliveryId, job.event);
        const { driver } = (await findDrivers()).find((one) => one.driver.name === 'settle') ?? {};
        return JSON.stringify(await driver?.drive(surroundings, { headers: {}, body: JSON.stringify({ event: id }) }));
      }
      case 'operate':
        return (await resultOf(surroundings, job, { by: PERSON, why: 'a fault test' })).outcome.state;
    }
  }

  return {
    surroundings,
    store,
    perform: async (job) => {
      try {
        return await perform(job);
      } catch (error) {
        if (error instanceof NightshiftError) {
          return `${error.kind}: ${error.message}`;
        }
        throw error;
      }
    },
    close: () => store.close(),
  };
}

export const COMMIT_STEPS = ['commit-begins', 'commit-ends'] as const;

function seen(store: Store, onStep: (step: string) => Promise<void>): Store {
  return {
    read: (collection, id) => store.read(collection, id),
    query: (collection, query) => store.query(collection, query),
    prune: (limit) => store.prune(limit),
    check: () => store.check(),
    close: () => store.close(),
    async commit(writes) {
      await onStep(COMMIT_STEPS[0]);
      const result = await store.commit(writes);
      await onStep(COMMIT_STEPS[1]);
      return result;
    },
  };
}

/** The kinds as they are, but for their judges: what is judged has tests of its own, here its consequences are tried. */
function judgedKinds(verdict: Judgement['verdict']): Surroundings['kinds'] {
  return new Map(
    [...ACTION_KINDS].map(([name, kind]) => [
      name,
      { ...kind, judge: () => ({ verdict, rule: 'verify/test', sentence: 'As this test says.', evidence: {} }) },
    ]),
  );
}

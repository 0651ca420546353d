// Everything that one process serves: each duty and driver with its schedule, what listens, and the outbox. The command `start` runs it
// on the machine's clock; whoever hands in another clock sees the same host in another time.
import type { Environment } from '../config/environment.ts';
import type { FunctionManifest } from '../config/manifest.ts';
import { describeError } from '../core/errors.ts';
import type { Clock, Ids } from '../ports/clock.ts';
import type { Store } from '../ports/store.ts';
import type { Surroundings } from '../runtime/context.ts';
import { answerDriver } from '../runtime/driver.ts';
import { answer, type ReadyDuty } from '../runtime/http.ts';
import { handOn, storeEvent } from '../runtime/ingress.ts';
import { deliverRun, drainOutbox } from '../runtime/outbox.ts';
import type { RunRecord } from '../runtime/run-record.ts';
import { startsHere } from '../runtime/start-run.ts';
import { socketsOf } from '../wiring/sockets.ts';
import { createSystem, policyOf } from '../wiring/system.ts';
import { background } from './background.ts';
import { findDrivers, findDuties } from './duties.ts';
import { type HostedFunction, type RunningHost, startHost } from './host.ts';
import { mcpRoute } from './mcp/route.ts';
import { hostMetrics } from './metrics.ts';

export interface ServeInput {
  readonly environment: Environment;
  readonly policyFile: string | undefined;
  /** Stays open after the host has stopped. */
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly random: () => number;
  /** Takes finished log lines. */
  readonly write: (line: string) => void;
  /** Takes what a person should know of the policy. */
  readonly warn: (text: string) => void;
}

export interface Serving {
  readonly host: RunningHost;
  readonly functions: readonly HostedFunction[];
  readonly surroundings: Surroundings;
  /** Ends what the ports keep open; after the host has stopped. */
  close(): Promise<void>;
}

/** Listens and schedules until `host.stop()`. A wrong policy or a taken port is thrown. */
export async function serveAll(input: ServeInput): Promise<Serving> {
  const { environment, policyFile, store, clock, ids, random, write, warn } = input;
  const found = await findDuties();
  const policy = await policyOf(
    policyFile,
    found.map((one) => one.duty),
  );
  for (const warning of policy.warnings) {
    warn(`Policy: ${warning}`);
  }
  let stopping = false;
  const system = createSystem({
    environment,
    policy,
    store,
    clock,
    ids,
    random,
    write,
    isStopping: () => stopping,
  });
  const { log } = system.surroundings;
  const readyDuties = new Map<string, ReadyDuty>();
  const afterwards = background();
  const surroundings: Surroundings = {
    ...system.surroundings,
    startHere: startsHere(readyDuties),
    handOn: (id) => {
      afterwards.begin(() => workOn(surroundings, id));
    },
  };
  const sockets = socketsOf(environment, { clock, random, log });
  const functions: HostedFunction[] = [];
  for (const one of found) {
    const [last] = await store.query<RunRecord>('runs', {
      where: [{ field: 'duty', op: '==', value: one.duty.name }],
      orderBy: { field: 'startedAt', direction: 'descending' },
      limit: 1,
    });
    const ready = system.ready(one);
    readyDuties.set(one.duty.name, ready);
    functions.push({
      ...hosted(one.manifest),
      lastRun: last?.data.startedAt,
      answer: (incoming) => answer(ready, incoming),
    });
  }
  for (const { manifest, driver } of await findDrivers()) {
    functions.push({
      ...hosted(manifest),
      lastRun: undefined,
      isPublic: manifest.public,
      answer: (incoming) => answerDriver(driver, surroundings, incoming),
    });
  }
  const host = await startHost({
    functions,
    mcp: await mcpRoute({ surroundings, duties: [...readyDuties.values()] }),
    surroundings,
    host: environment.host,
    port: environment.port,
    token: environment.token,
    store,
    clock,
    log,
    metrics: hostMetrics(),
    pages: new Map(found.flatMap(({ duty }) => (duty.page === undefined ? [] : [[duty.name, duty.page] as const]))),
    scopes: found.flatMap((one) => one.duty.scopes(policy.duties[one.duty.name], policy.team)),
    listeners: [...sockets].map(
      ([source, socket]) =>
        (signal) =>
          socket.listen(async ({ deliveryId, event }) => {
            const { id, isNew } = await storeEvent(surroundings, source, deliveryId, event);
            if (isNew) {
              await handOn(surroundings, id);
            }
          }, signal),
    ),
    finished: () => afterwards.finished(),
    stopping: {
      stop: () => {
        stopping = true;
      },
    },
  });
  return { host, functions, surroundings, close: () => system.close() };
}

/** The event at once, and then what it has to tell. What fails waits in the outbox for the next try. */
async function workOn(surroundings: Surroundings, eventId: string): Promise<void> {
  try {
    await deliverRun(surroundings, eventId, 0);
    await drainOutbox(surroundings);
  } catch (error) {
    surroundings.log.error({ event: eventId, error: describeError(error) }, 'an event could not be worked on yet');
  }
}

function hosted({ name, triggers }: FunctionManifest): Pick<HostedFunction, 'name' | 'schedule'> {
  const { schedule: cron, timezone } = triggers;
  return { name, schedule: cron === undefined ? undefined : { cron, timezone } };
}

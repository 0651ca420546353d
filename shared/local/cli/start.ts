// `nightshift start`: the one-process host until a signal ends it.
import type { Command } from 'commander';
import { systemClock, systemIds, systemRandom } from '../../adapters/system/clock.ts';
import { readEnvironment } from '../../config/environment.ts';
import { describeError } from '../../core/errors.ts';
import type { FunctionManifest } from '../../config/manifest.ts';
import { answerDriver } from '../../runtime/driver.ts';
import { answer, type ReadyDuty } from '../../runtime/http.ts';
import { handOn, storeEvent } from '../../runtime/ingress.ts';
import { deliverRun, drainOutbox } from '../../runtime/outbox.ts';
import type { RunRecord } from '../../runtime/run-record.ts';
import { startsHere } from '../../runtime/start-run.ts';
import type { Surroundings } from '../../runtime/context.ts';
import { socketsOf } from '../../wiring/events.ts';
import { createSystem, policyOf } from '../../wiring/system.ts';
import { background } from '../background.ts';
import { findDrivers, findDuties } from '../duties.ts';
import { type HostedFunction, startHost } from '../host.ts';
import { mcpRoute } from '../mcp/route.ts';
import { hostMetrics } from '../metrics.ts';
import { localStore } from './system.ts';
import type { Terminal } from './terminal.ts';

/** Cloud Run gives ten seconds after SIGTERM; a run that needs longer is taken up by the next one. */
const STOP_SECONDS = 25;

export function registerStart(program: Command, terminal: Terminal): void {
  program
    .command('start')
    .description('Serve every duty on one port, with its schedule, until stopped')
    .option('--policy <file>', 'policy file (NIGHTSHIFT_POLICY)')
    .action(async (flags: { policy?: string }) => {
      terminal.exitCode = await start(terminal, flags.policy);
    });
}

async function start(terminal: Terminal, policyFile: string | undefined): Promise<number> {
  const environment = readEnvironment();
  const found = await findDuties();
  const policy = await policyOf(
    policyFile ?? environment.policy,
    found.map((one) => one.duty),
  );
  for (const warning of policy.warnings) {
    terminal.warn(`Policy: ${warning}`);
  }
  const store = await localStore(environment, systemClock);
  let stopping = false;
  const system = createSystem({
    environment,
    policy,
    store,
    clock: systemClock,
    ids: systemIds(systemClock),
    random: systemRandom,
    write: (line) => {
      process.stderr.write(line);
    },
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
  const sockets = socketsOf(environment, { clock: systemClock, random: systemRandom, log });
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
    clock: systemClock,
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
  terminal.warn(
    `Nightshift listens on ${host.url}: ${functions.map((one) => `POST /${one.name}`).join(', ')}, /healthz, /readyz, /metrics`,
  );
  const signal = await stopSignal();
  log.info({ signal }, 'stopping: the work in hand is finished, nothing new is begun');
  const inTime = await Promise.race([
    host.stop().then(() => true),
    systemClock.sleep(STOP_SECONDS * 1000).then(() => false),
  ]);
  await system.close();
  await store.close();
  log.info(inTime ? 'stopped' : 'stopped before the work in hand was finished; the next run looks after it');
  // Timers of work that was not finished would keep the process alive.
  setImmediate(() => process.exit(inTime ? 0 : 1));
  return inTime ? 0 : 1;
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

function stopSignal(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.once(signal, () => {
        resolve(signal);
      });
    }
  });
}

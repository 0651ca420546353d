// `nightshift start`: the one-process host until a signal ends it.
import type { Command } from 'commander';
import { systemClock, systemIds, systemRandom } from '../../adapters/system/clock.ts';
import { readEnvironment } from '../../config/environment.ts';
import { serveAll } from '../serve.ts';
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
  const store = await localStore(environment, systemClock);
  const { host, functions, surroundings, close } = await serveAll({
    environment,
    policyFile: policyFile ?? environment.policy,
    store,
    clock: systemClock,
    ids: systemIds(systemClock),
    random: systemRandom,
    write: (line) => {
      process.stderr.write(line);
    },
    warn: (text) => {
      terminal.warn(text);
    },
  });
  const { log } = surroundings;
  terminal.warn(
    `Nightshift listens on ${host.url}: ${functions.map((one) => `POST /${one.name}`).join(', ')}, /healthz, /readyz, /metrics`,
  );
  const signal = await stopSignal();
  log.info({ signal }, 'stopping: the work in hand is finished, nothing new is begun');
  const inTime = await Promise.race([
    host.stop().then(() => true),
    systemClock.sleep(STOP_SECONDS * 1000).then(() => false),
  ]);
  await close();
  await store.close();
  log.info(inTime ? 'stopped' : 'stopped before the work in hand was finished; the next run looks after it');
  // Timers of work that was not finished would keep the process alive.
  setImmediate(() => process.exit(inTime ? 0 : 1));
  return inTime ? 0 : 1;
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

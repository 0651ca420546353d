// The entry of a deployed function: reads the settings at the first request, then answers it and all that follow.
import { serveHttpFunction } from '../adapters/functions/serve.ts';
import { systemClock, systemIds, systemRandom } from '../adapters/system/clock.ts';
import { readEnvironment } from '../config/environment.ts';
import { secretMasker } from '../core/mask.ts';
import { answerDriver, type Driver } from '../runtime/driver.ts';
import type { Duty } from '../runtime/duty.ts';
import { type Answer, answer, type DutyManifest, failure } from '../runtime/http.ts';
import { createLogger } from '../runtime/log.ts';
import type { Incoming } from '../runtime/trigger.ts';
import { openStoreOf } from './ports.ts';
import { createSystem, policyOf, type System } from './system.ts';

/** What the build puts into a bundle of its function.yaml. */
export interface DeployedManifest extends DutyManifest {
  /** It is handed the secrets of these and no others. */
  readonly capabilities: readonly string[];
}

type Handle = (incoming: Incoming) => Promise<Answer>;

/** Registers a duty under its name. */
export function serveDuty(duty: Duty, manifest: DeployedManifest): void {
  serve(manifest.name, async () => {
    const ready = (await prepare([duty], manifest)).ready({ duty, manifest });
    return (incoming) => answer(ready, incoming);
  });
}

/** Registers a driver under its name. */
export function serveDriver(driver: Driver, manifest: DeployedManifest): void {
  serve(manifest.name, async () => {
    const { surroundings } = await prepare([], manifest);
    return (incoming) => answerDriver(driver, surroundings, incoming);
  });
}

/** Settings that are wrong are told in the answer and the log; the next request tries again. */
function serve(name: string, prepared: () => Promise<Handle>): void {
  let ready: Promise<Handle> | undefined;
  serveHttpFunction(name, async (incoming) => {
    ready ??= prepared();
    try {
      const handle = await ready;
      return await handle(incoming);
    } catch (error) {
      ready = undefined;
      // The settings are what is wrong: no secret is known yet, only the shapes of secrets.
      const mask = secretMasker([]);
      return failure(error, createLogger({ level: 'info', mask, write: writeLine }), mask);
    }
  });
}

async function prepare(duties: readonly Duty[], { capabilities }: DeployedManifest): Promise<System> {
  const environment = readEnvironment();
  return createSystem({
    environment,
    policy: await policyOf(environment.policy, duties, 'ignored'),
    store: openStoreOf(environment, systemClock),
    clock: systemClock,
    ids: systemIds(systemClock),
    random: systemRandom,
    write: writeLine,
    capabilities,
  });
}

function writeLine(line: string): void {
  process.stderr.write(line);
}

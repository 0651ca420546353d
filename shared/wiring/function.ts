// The entry of a deployed function: reads the settings at the first request, then answers it and all that follow.
import { serveHttpFunction } from '../adapters/functions/serve.ts';
import { systemClock, systemIds, systemRandom } from '../adapters/system/clock.ts';
import { readEnvironment } from '../config/environment.ts';
import { secretMasker } from '../core/mask.ts';
import type { Duty } from '../runtime/duty.ts';
import { answer, type DutyManifest, failure, type ReadyDuty } from '../runtime/http.ts';
import { createLogger } from '../runtime/log.ts';
import { openStoreOf } from './ports.ts';
import { createSystem, policyOf } from './system.ts';

/** Registers the duty under its name. Settings that are wrong are told in the answer and the log; the next request tries again. */
export function serveDuty(duty: Duty, manifest: DutyManifest): void {
  let ready: Promise<ReadyDuty> | undefined;
  serveHttpFunction(manifest.name, async (incoming) => {
    ready ??= prepare(duty, manifest);
    try {
      return await answer(await ready, incoming);
    } catch (error) {
      ready = undefined;
      // The settings are what is wrong: no secret is known yet, only the shapes of secrets.
      const mask = secretMasker([]);
      return failure(error, createLogger({ level: 'info', mask, write: writeLine }), mask);
    }
  });
}

async function prepare(duty: Duty, manifest: DutyManifest): Promise<ReadyDuty> {
  const environment = readEnvironment();
  const system = createSystem({
    environment,
    policy: await policyOf(environment.policy, [duty]),
    store: openStoreOf(environment, systemClock),
    clock: systemClock,
    ids: systemIds(systemClock),
    random: systemRandom,
    write: writeLine,
  });
  return system.ready({ duty, manifest });
}

function writeLine(line: string): void {
  process.stderr.write(line);
}

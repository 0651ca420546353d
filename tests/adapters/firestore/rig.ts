// The store under test on a double, without waiting between attempts, and its failures.
import { expect } from 'vitest';
import { firestoreStore } from '../../../shared/adapters/firestore/store.ts';
import { NightshiftError } from '../../../shared/core/errors.ts';
import type { Clock } from '../../../shared/ports/clock.ts';
import type { Store } from '../../../shared/ports/store.ts';

export function openDouble(host: string, clock: Clock, deadlineSeconds = 10): Store {
  const project = 'shop-prod';
  return firestoreStore({
    project,
    database: 'nightshift',
    clock,
    random: () => 0,
    emulatorHost: host,
    deadlineSeconds,
  });
}

export async function failureOf(work: Promise<unknown>): Promise<NightshiftError> {
  const error: unknown = await work.then(
    () => expect.fail('it succeeded'),
    (reason: unknown) => reason,
  );
  return error instanceof NightshiftError ? error : Promise.reject(error);
}

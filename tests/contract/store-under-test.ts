// What the contract of the store needs: a handle with its neighbours, a clock that only the test moves, short writes.
import { expect } from 'vitest';
import type { Clock } from '../../shared/ports/clock.ts';
import type { CommitResult, Store, Version, Write } from '../../shared/ports/store.ts';

export interface StoreUnderTest {
  readonly store: Store;
  /** Another handle on the same data, as a second instance has it. */
  second(): Promise<Store>;
  /** Closes and opens again. */
  reopen(): Promise<Store>;
  dispose(): Promise<void>;
}

/** A clock that only the test moves. */
export class TestClock implements Clock {
  #now = Date.parse('2026-11-01T00:00:00Z');

  now(): Date {
    return new Date(this.#now);
  }

  advance(seconds: number): void {
    this.#now += seconds * 1000;
  }

  iso(secondsFromNow = 0): string {
    return new Date(this.#now + secondsFromNow * 1000).toISOString();
  }

  sleep(milliseconds: number): Promise<void> {
    this.#now += milliseconds;
    return Promise.resolve();
  }
}

/** The versions of a commit that went through; fails the test for one that did not. */
export function committed(result: CommitResult): readonly (Version | null)[] {
  expect(result).toMatchObject({ committed: true });
  return result.committed ? result.versions : [];
}

export function version(result: CommitResult): Version {
  return committed(result)[0] ?? expect.fail('the commit gave no version');
}

export function create(collection: string, id: string, data: object, expiresAt?: string): Write {
  return { op: 'create', collection, id, data, ...(expiresAt === undefined ? {} : { expiresAt }) };
}

// A driver keeps the runtime going and decides nothing: it has no scope, no rules and no report of its own.
import type { Surroundings } from './context.ts';
import { type Answer, failure } from './http.ts';
import type { Incoming } from './trigger.ts';

export interface Driver {
  readonly name: string;
  /** Does what is due and answers with what it did; what it throws becomes its kind's status. */
  drive(surroundings: Surroundings, incoming: Incoming): Promise<Answer>;
}

/** Drives what a driver drives. Never throws. */
export async function answerDriver(driver: Driver, surroundings: Surroundings, incoming: Incoming): Promise<Answer> {
  try {
    return await driver.drive(surroundings, incoming);
  } catch (error) {
    return failure(error, surroundings.log, surroundings.mask);
  }
}

// A driver keeps the runtime going and decides nothing: it has no scope, no rules and no report of its own.
import type { JsonObject } from '../core/json.ts';
import type { Surroundings } from './context.ts';

export interface Driver {
  readonly name: string;
  /** Does what is due and tells what it did. */
  drive(surroundings: Surroundings): Promise<JsonObject>;
}

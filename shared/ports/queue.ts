// Hands work to other instances: one message a scope, delivered at least once.
import type { JsonObject } from '../core/json.ts';

export interface Queue {
  /** Publishes all or fails; `id` makes a repeat of the same message recognisable to its receiver. */
  publish(topic: string, messages: readonly { readonly id: string; readonly data: JsonObject }[]): Promise<void>;
}

// A scope as one string, for keys, indexes and messages.
import type { JsonObject } from '../core/json.ts';

/**
 * `cluster=prod,namespace=shop`: members sorted by name, so that the same scope has one key.
 * Values keep to letters that may stand in a document's id: a slash becomes `%2F`.
 */
export function scopeKey(scope: JsonObject): string {
  return Object.entries(scope)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`)
    .join(',');
}

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

/** The names and values of a key, as text; none for `*`. */
export function scopeOfKey(key: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    key.split(',').flatMap((pair) => {
      const equals = pair.indexOf('=');
      return equals < 1 ? [] : [[pair.slice(0, equals), decoded(pair.slice(equals + 1))]];
    }),
  );
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

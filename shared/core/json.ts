// JSON as a type, and its one canonical spelling: what is hashed, compared or replayed is written this way.

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** A JSON object with any keys. */
export type JsonObject = { readonly [key: string]: Json };

/**
 * Canonical JSON: keys sorted by code unit, no spaces, `undefined` members left out.
 * Two values with the same meaning give the same text, so that a hash over it is stable.
 */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value !== 'object') {
    return JSON.stringify(value ?? null);
  }
  if (Array.isArray(value)) {
    return `[${value.map(canonicalJson).join(',')}]`;
  }
  let members = '';
  for (const key of Object.keys(value).sort()) {
    const member = (value as Readonly<Record<string, unknown>>)[key];
    if (member !== undefined) {
      members += `${members === '' ? '' : ','}${JSON.stringify(key)}:${canonicalJson(member)}`;
    }
  }
  return `{${members}}`;
}

// Fingerprints and effect keys: stable names for the same thing, made from facts, never from clock or model text.
import { createHash } from 'node:crypto';
import { canonicalJson } from './json.ts';

/** SHA-256 over the canonical JSON of `value`, as 64 hex digits. */
export function hashOf(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex');
}

/**
 * The short form that people see in labels and markers: the first 20 hex digits (80 bits) of `hashOf`.
 * 80 bits keep the chance of a collision under one in a billion for a billion issues.
 */
export function fingerprintOf(value: unknown): string {
  return hashOf(value).slice(0, 20);
}

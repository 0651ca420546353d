// One spelling for messages that differ only in what changes from run to run, so that the same failure is known again.
import { fingerprintOf } from '../fingerprint.ts';
import { cleanedLine } from './log-line.ts';

const MAX_CHARACTERS = 500;

/** In this order: what holds others comes first. Each is linear: no repeat may start inside another's stretch. */
const PLACEHOLDERS: readonly (readonly [RegExp, string])[] = [
  [/\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?/g, '<time>'],
  [
    /\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? (?:\d{1,2} [A-Z][a-z]{2}|[A-Z][a-z]{2} {1,2}\d{1,2})[ ,]{1,2}(?:\d{4} )?\d\d:\d\d:\d\d(?: [A-Z]{3,4})?(?: \d{4})?/g,
    '<time>',
  ],
  [/\b\d{4}[-/]\d\d[-/]\d\d\b/g, '<date>'],
  [/\b\d\d:\d\d:\d\d(?:[.,]\d{1,9})?\b/g, '<time>'],
  [/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi, '<uuid>'],
  [/\b[a-z][a-z0-9+.-]{1,15}:\/\/[^\s"'<>)\]}]{1,300}/gi, '<url>'],
  [/\bsha(?:1|256|512)[:-][A-Za-z0-9+/=]{16,128}/g, '<hash>'],
  // A pod of a Deployment or a Job, and a CI runner's
  [/\b[a-z][a-z0-9-]{0,80}-[a-z0-9]{8,10}-[a-z0-9]{5}\b/g, '<pod>'],
  [/\brunner-[A-Za-z0-9_-]{6,100}/g, '<pod>'],
  [/\b0x[0-9a-f]{2,16}\b/gi, '<hex>'],
  [/\b(?=[a-f]{0,63}\d)[0-9a-f]{7,64}\b/gi, '<hash>'],
  [/\[[0-9a-f:]{2,39}\](?::\d{1,5})?/gi, '<ip>'],
  [/\b\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?\b/g, '<ip>'],
  [/(?<![\w.<>/-])(?:[A-Za-z]:)?(?:[\\/][\w.@+~-]{1,100}){2,40}[\\/]?(?::\d{1,7}){0,2}/g, '<path>'],
  [/(?<![\w.<>/-])(?:[\w.@+~-]{1,100}[\\/]){1,40}[\w@+~-]{1,100}\.\w{1,8}(?::\d{1,7}){0,2}/g, '<path>'],
  [
    /\b(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,8}(?:com|org|net|io|dev|local|internal|cloud|app|svc|cluster|test|example|[a-z]{2})(?::\d{1,5})?\b/gi,
    '<host>',
  ],
  [
    /\b\d{1,12}(?:\.\d{1,9})?\s?(?:ns|µs|us|ms|s|sec|secs|seconds?|m|min|mins|minutes?|h|hours?|days?)(?:\d{1,2}(?:\.\d{1,9})?(?:m|s))?\b/g,
    '<duration>',
  ],
  [/\b\d{1,12}(?:\.\d{1,9})?\s?(?:[KMGT]i?B|bytes?|kB)\b/g, '<size>'],
  [/\bv?\d{1,6}(?:\.\d{1,6}){1,3}(?:[-+][\w.-]{1,40})?\b/g, '<version>'],
  [/\d+/g, '<n>'],
];

/** A message without ids, hashes, times, durations, paths, hosts, addresses, pod names and numbers; at most 500 characters. */
export function normaliseMessage(message: string): string {
  const line = cleanedLine(message.replaceAll('\n', ' ').slice(0, 2 * MAX_CHARACTERS));
  const replaced = PLACEHOLDERS.reduce((text, [pattern, placeholder]) => text.replaceAll(pattern, placeholder), line);
  return replaced.replaceAll(/\s+/g, ' ').trim().slice(0, MAX_CHARACTERS);
}

/**
 * A stable id for failures with the same cause: 20 hex digits. A known signature is the cause by itself; else the normalised
 * telling line is.
 */
export function clusterId(failure: { readonly signature?: string | undefined; readonly message: string }): string {
  return fingerprintOf(
    failure.signature === undefined ? { message: normaliseMessage(failure.message) } : { signature: failure.signature },
  );
}

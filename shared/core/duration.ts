// Spans of time as the policy writes them.
import { z } from 'zod';

/** A duration such as `90s`, `15m`, `6h`, `7d`; read by `durationSeconds`. */
export const Duration = z.string().regex(/^[1-9][0-9]{0,5}[smhdw]$/, 'a duration such as 90s, 15m, 6h, 7d or 2w');

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

/** Seconds of a duration that `Duration` accepts. */
export function durationSeconds(duration: string): number {
  return Number(duration.slice(0, -1)) * (SECONDS[duration.slice(-1)] ?? Number.NaN);
}

// POST /pause and /resume on the one-process host. Who may call it holds the host's token.
import { z } from 'zod';
import { CallerError } from '../core/errors.ts';
import type { JsonObject } from '../core/json.ts';
import { Duration, durationSeconds } from '../core/policy.ts';
import type { Surroundings } from '../runtime/context.ts';
import { type Answer, done, failure } from '../runtime/http.ts';
import { checkPauseScope, pause, resume } from '../runtime/pause.ts';

const Body = z.strictObject({
  /** Absent or empty: everything. */
  scope: z.record(z.string().max(100), z.string().min(1).max(253)).default({}),
  for: Duration.optional(),
  by: z.string().trim().min(1).max(100).default('HTTP'),
  why: z.string().max(300).default(''),
});
export type PauseBody = z.infer<typeof Body>;

export type PauseVerb = 'pause' | 'resume';

export function pauseOperation(path: string): PauseVerb | undefined {
  return path === '/pause' || path === '/resume' ? (path.slice(1) as PauseVerb) : undefined;
}

/** Pauses or resumes and answers with the pause that was set or ended. Never throws. */
export async function operatePause(
  surroundings: Surroundings,
  verb: PauseVerb,
  body: string,
  known: readonly JsonObject[],
): Promise<Answer> {
  try {
    return done({ ...(await switchPause(surroundings, verb, bodyOf(body), known)) });
  } catch (error) {
    return failure(error, surroundings.log, surroundings.mask);
  }
}

/** What a person asked for, as the runtime does it. `known` are the scopes of the policy. */
export async function switchPause(
  surroundings: Surroundings,
  verb: PauseVerb,
  { scope, for: duration, by, why }: PauseBody,
  known: readonly JsonObject[],
): Promise<{ readonly state: 'paused' | 'resumed'; readonly scope: string; readonly until: string | null }> {
  if (verb === 'resume') {
    const ended = await resume(surroundings, { scope, by });
    return { state: 'resumed', scope: ended.key, until: null };
  }
  checkPauseScope(scope, known);
  const forSeconds = duration === undefined ? {} : { forSeconds: durationSeconds(duration) };
  const set = await pause(surroundings, { scope, by, why, anew: true, ...forSeconds });
  return { state: 'paused', scope: set.key, until: set.until ?? null };
}

function bodyOf(body: string): PauseBody {
  let value: unknown;
  try {
    value = body.trim() === '' ? {} : JSON.parse(body);
  } catch {
    value = undefined;
  }
  const parsed = Body.safeParse(value);
  if (!parsed.success) {
    const field = parsed.error.issues[0]?.path.join('.').slice(0, 200);
    throw new CallerError(
      `${field === undefined || field === '' ? 'body' : field}: ${parsed.error.issues[0]?.message ?? 'is not valid'}.`,
      {
        field: field === undefined || field === '' ? 'body' : field,
        remedy:
          'Send {"scope": {"cluster": "…", "namespace": "…"}, "for": "2h", "why": "…", "by": "…"}, or nothing for everything.',
      },
    );
  }
  return parsed.data;
}

// POST /actions/<id>/approve, decline, undo and close on the one-process host. Who may call it holds the host's token.
import { z } from 'zod';
import { CallerError } from '../core/errors.ts';
import type { JsonObject } from '../core/json.ts';
import type { Surroundings } from '../runtime/context.ts';
import { closeAction, FINDINGS } from '../runtime/close-action.ts';
import { type Answer, failure } from '../runtime/http.ts';
import { approveAction, declineAction, type OperationResult } from '../runtime/stored-action.ts';
import { undoAction } from '../runtime/undo.ts';

export interface ActionOperation {
  readonly id: string;
  readonly verb: 'approve' | 'decline' | 'undo' | 'close';
}

const PATH = /^\/actions\/([0-9a-f]{8,64})\/(approve|decline|undo|close)$/;

const Body = z.strictObject({
  /** Who decides, for the journal. */
  by: z.string().trim().min(1).max(100).default('HTTP'),
  why: z.string().max(500).default(''),
  /** For `close`: what was found. */
  as: z.enum(FINDINGS).optional(),
});
/** What a person says with the operation. */
export type Said = z.infer<typeof Body>;

export function actionOperation(path: string): ActionOperation | undefined {
  const match = PATH.exec(path);
  return match === null ? undefined : { id: match[1] ?? '', verb: match[2] as ActionOperation['verb'] };
}

/** Carries the operation out and answers with the action and what became of it. Never throws. */
export async function operate(surroundings: Surroundings, operation: ActionOperation, body: string): Promise<Answer> {
  try {
    const { action, outcome } = await resultOf(surroundings, operation, bodyOf(body));
    const told: JsonObject = {
      id: action.id,
      kind: action.kind,
      state: action.state,
      outcome: outcome.state,
      detail: outcome.detail,
    };
    return { status: 200, headers: {}, body: told };
  } catch (error) {
    return failure(error, surroundings.log, surroundings.mask);
  }
}

/** What a person asked for, as the runtime does it. */
export function resultOf(
  surroundings: Surroundings,
  { id, verb }: ActionOperation,
  { by, why, as }: Said,
): Promise<OperationResult> {
  switch (verb) {
    case 'approve':
      return approveAction(surroundings, id, by);
    case 'decline':
      return declineAction(surroundings, id, by, why);
    case 'undo':
      return undoAction(surroundings, id, { by, why: why === '' ? 'By hand.' : why, automatic: false });
    case 'close':
      if (as === undefined) {
        throw new CallerError('Was the change made?', { field: 'as', remedy: `Give one of ${FINDINGS.join(', ')}.` });
      }
      return closeAction(surroundings, id, { by, as, why });
  }
}

function bodyOf(body: string): Said {
  let value: unknown;
  try {
    value = body.trim() === '' ? {} : JSON.parse(body);
  } catch {
    throw new CallerError('The body is not JSON.', {
      field: 'body',
      remedy: 'Send {"by": "…", "why": "…"}, or nothing.',
    });
  }
  const parsed = Body.safeParse(value);
  if (!parsed.success) {
    const field = parsed.error.issues[0]?.path.join('.') ?? 'body';
    throw new CallerError(`${field === '' ? 'body' : field}: ${parsed.error.issues[0]?.message ?? 'is not valid'}.`, {
      field: field === '' ? 'body' : field,
      remedy: 'Known fields are by, why and, to close, as.',
    });
  }
  return parsed.data;
}

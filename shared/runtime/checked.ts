// What a duty is given and what it gives, checked at the runtime's door.
import type { Decision } from '../core/decision.ts';
import { BugError, CallerError } from '../core/errors.ts';
import { canonicalJson, type JsonObject } from '../core/json.ts';
import type { Duty } from './duty.ts';

export function parseScope(duty: Duty, scope: JsonObject): JsonObject {
  const parsed = duty.scope.safeParse(scope);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const field = ['scope', ...(issue?.path.map(String) ?? [])].join('.');
    throw new CallerError(`${field}: ${issue?.message.slice(0, 200) ?? 'is not valid'}.`, { field });
  }
  return parsed.data;
}

export function parseFacts(duty: Duty, observed: unknown): unknown {
  const parsed = duty.facts.safeParse(observed);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new BugError(
      `What ${duty.name} observed does not fit its facts schema at ${issue?.path.map(String).join('.') ?? ''}: ${issue?.message ?? ''}.`,
    );
  }
  return parsed.data;
}

/** Events as the duty takes them. One that does not fit is the sender's mistake. */
export function parseEvents(duty: Duty, events: readonly JsonObject[]): readonly JsonObject[] {
  const schema = duty.event;
  if (schema === undefined) {
    if (events.length > 0) {
      throw new CallerError(`${duty.name} takes no events.`, { field: 'events' });
    }
    return [];
  }
  return events.map((event, index) => {
    const parsed = schema.safeParse(event);
    if (!parsed.success) {
      const issue = parsed.error.issues[0];
      const field = ['events', index, ...(issue?.path ?? [])].map(String).join('.');
      throw new CallerError(`${field}: ${issue?.message.slice(0, 200) ?? 'is not valid'}.`, { field });
    }
    return parsed.data;
  });
}

/** Law 1. A duty that breaks it is a bug that must not reach the executor. */
export function checkOneVerdictEach(duty: Duty, decisions: readonly Decision[]): void {
  const seen = new Set<string>();
  for (const decision of decisions) {
    const subject = canonicalJson(decision.subject);
    if (seen.has(subject)) {
      throw new BugError(`${duty.name} gave two verdicts on ${JSON.stringify(decision.subject)}.`);
    }
    seen.add(subject);
    if ((decision.verdict === 'act') !== (decision.action !== undefined)) {
      throw new BugError(
        `${decision.reason.rule} gave ${decision.verdict} ${decision.action === undefined ? 'without' : 'with'} an action.`,
      );
    }
  }
}

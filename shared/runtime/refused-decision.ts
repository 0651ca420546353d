// That somebody wanted to decide what policy does not let them: journaled, and nothing else. Who may is for the caller to find out.
import type { ActionRecord } from '../core/action.ts';
import { placeOf, type GuardrailScope } from '../core/guardrail.ts';
import type { Write } from '../ports/store.ts';
import type { Surroundings } from './context.ts';
import { journalWrites } from './journal.ts';
import { scopeOfKey } from './scope.ts';

export interface DecisionAbout {
  readonly scope: string;
  /** Empty for what is no action. */
  readonly actionId: string;
  readonly kind: string;
}

/** Where policy looks up who may decide about an action. */
export function decisionScope({ scope, target }: Pick<ActionRecord, 'scope' | 'target'>): GuardrailScope {
  return placeOf(scopeOfKey(scope), target);
}

/** To be made anew when their commit is tried again. */
export function refusedWrites(
  { ports }: Pick<Surroundings, 'ports'>,
  about: DecisionAbout,
  { by, verb }: { readonly by: string; readonly verb: string },
): Promise<readonly Write[]> {
  return journalWrites(ports.store, {
    ...about,
    at: ports.clock.now().toISOString(),
    state: 'refused',
    by,
    detail: `${by} wanted to ${verb} it and may not: nothing was done.`,
  });
}

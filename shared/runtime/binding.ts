// What an approval binds to: nothing of it may change between the proposal that a person saw and the change.
import type { ActionRecord } from '../core/action.ts';
import { hashOf } from '../core/fingerprint.ts';

export function bindingOf(
  action: Pick<ActionRecord, 'kind' | 'target' | 'from' | 'to' | 'guard' | 'inverse' | 'rule'>,
): string {
  const { kind, target, from, to, guard, inverse, rule } = action;
  return hashOf({ kind, target, from, to, guard, inverse, rule });
}

// What was begun lately in a scope, as one document that changes in the same commit as each intent,
// so that no two instances can both take the last place of a budget.
import type { ActionRecord } from '../core/action.ts';
import type { Store, Version, Write } from '../ports/store.ts';

export interface BudgetEntry {
  readonly at: string;
  readonly actionId: string;
  /** Absent in what an earlier version stored. */
  readonly kind?: string;
  readonly workload: string;
  readonly touches: number;
  /** The part of the workload that was changed, where the action names one. */
  readonly part?: string;
  readonly undo: boolean;
}

export interface Budget {
  readonly entries: readonly BudgetEntry[];
  readonly version: Version | null;
}

/** No budget or settle time looks back further. */
const KEPT_MILLISECONDS = 24 * 3_600_000;

export async function budgetOf(store: Store, scopeKey: string, now: Date): Promise<Budget> {
  const document = await store.read<{ entries: readonly BudgetEntry[] }>('budgets', scopeKey);
  const oldest = now.getTime() - KEPT_MILLISECONDS;
  return {
    entries: (document?.data.entries ?? []).filter((entry) => Date.parse(entry.at) > oldest),
    version: document?.version ?? null,
  };
}

export function budgetWrite(scopeKey: string, budget: Budget, entry: BudgetEntry): Write {
  const data = { entries: [...budget.entries, entry] };
  return budget.version === null
    ? { op: 'create', collection: 'budgets', id: scopeKey, data }
    : { op: 'replace', collection: 'budgets', id: scopeKey, data, version: budget.version };
}

/** The place that an action takes in the budget from `at` on. */
export function budgetEntry({ id, kind, guard: { workload, touches, part } }: ActionRecord, at: string): BudgetEntry {
  return { at, actionId: id, kind, workload, touches, undo: false, ...(part === undefined ? {} : { part }) };
}

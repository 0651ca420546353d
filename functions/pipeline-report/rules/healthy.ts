// When:   builds ran and no other rule of a repository applies
// Then:   skip
// Unless: another rule applies
// Why:    builds that fail on branches of their own are what builds are for
import type { Reason } from '../../../shared/core/decision.ts';
import { reasonOf, type RepositoryView } from '../decide-view.ts';

export function healthy({ repository: { window } }: RepositoryView): Reason {
  const { runs, failed } = window;
  return reasonOf('healthy', 'healthy', `${String(failed)} of ${String(runs)} builds failed.`, { runs, failed });
}

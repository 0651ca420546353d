// When:   nothing ran in the window
// Then:   skip
// Unless: another rule applies
// Why:    a repository at rest is not healthy: nobody knows
import type { Reason } from '../../../shared/core/decision.ts';
import { reasonOf, type RepositoryView } from '../decide-view.ts';

export function quiet({ repository: { window } }: RepositoryView): Reason | undefined {
  return window.runs > 0 ? undefined : reasonOf('quiet', 'nothing ran', 'Nothing ran.', { runs: 0 });
}

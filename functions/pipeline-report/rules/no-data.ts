// When:   not one day of the window is known of the repository
// Then:   skip
// Unless: never
// Why:    what was not read is neither healthy nor broken; the report says how far reading got
import type { Reason } from '../../../shared/core/decision.ts';
import { daysBetween } from '../../../shared/core/local-day.ts';
import { reasonOf, type RepositoryView } from '../decide-view.ts';

export function noData({ repository, facts }: RepositoryView): Reason | undefined {
  const days = daysBetween(facts.from, facts.to).length;
  return repository.missingDays < days
    ? undefined
    : reasonOf('no-data', 'not read', 'Its builds of these days were not read yet.', { missingDays: days });
}

// When:   an entry of the policy's knownIssues matches the pipeline and has not run out
// Then:   skip, naming the entry
// Unless: there is no data
// Why:    a team that knows of a broken build wants neither a rerun nor a message about it
import { matchesPattern } from '../../../shared/core/pattern.ts';
import { secondsOf, shortened } from '../decide-causes.ts';
import { evidenceOf, type PipelineView, reasonOf, type Skip } from '../decide-view.ts';

export function knownIssue(view: PipelineView): Skip | undefined {
  const { world, pipeline, causes } = view;
  const subject: Readonly<Record<string, readonly string[]>> = {
    workspace: [world.facts.workspace],
    repository: [pipeline.repository],
    pipeline: [`#${String(pipeline.number)}`],
    ref: [pipeline.ref],
    step: causes.map(({ step }) => step.name),
    signature: causes.flatMap(({ signature }) => signature ?? []),
  };
  const issue = world.team.knownIssues.find(
    (known) =>
      matchesPattern(known.duty, 'pipeline-retry') &&
      (known.until === undefined || secondsOf(known.until) > world.nowSeconds) &&
      Object.entries(known.subject).every(([field, pattern]) =>
        (subject[field] ?? []).some((value) => matchesPattern(pattern, value)),
      ),
  );
  if (issue === undefined) {
    return undefined;
  }
  const until = issue.until === undefined ? '' : ` (until ${issue.until})`;
  const sentence = `Known issue ${issue.id}${until}: ${shortened(issue.reason, 300)}`;
  const label = `known issue ${shortened(issue.id, 60)}`;
  return {
    verdict: 'skip',
    reason: reasonOf('known-issue', label, sentence, evidenceOf(view, { knownIssue: issue.id })),
  };
}

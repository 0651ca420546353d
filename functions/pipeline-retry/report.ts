// Decisions and what became of them → summary and message. Problems of the run are told by the runtime, above all this.
import { bold, type Block, code, type Line, paragraph, text } from '../../shared/core/document.ts';
import type { DecidedOutcome, Problem, Report } from '../../shared/core/report.ts';
import type { JsonObject } from '../../shared/core/json.ts';
import type { CommitCause } from '../../shared/core/trail.ts';
import { shortened } from './decide-causes.ts';
import { isDisproved } from './rules/hold-disproved-signature.ts';
import { worldOf } from './decide-view.ts';
import { failureBlocks, failureNews, toldFailures } from './report-failures.ts';
import { failureNotices, noticesOf } from './report-notices.ts';
import type { Policy } from '../../shared/core/policy.ts';
import type { PipelineRetryPolicy } from './schema.ts';
import type { PipelineFacts, PipelineRetryFacts } from './schema-facts.ts';

const LINES = 20;

export interface ReportInput {
  readonly facts: PipelineRetryFacts;
  readonly policy: Policy<PipelineRetryPolicy>;
  readonly decided: readonly DecidedOutcome[];
  readonly dryRun: boolean;
}

/** A decision with the pipeline that it is about; a storm has none. */
interface Told {
  readonly one: DecidedOutcome;
  readonly pipeline: PipelineFacts | undefined;
}

export function report({ facts, policy, decided, dryRun }: ReportInput): Report {
  const byKey = new Map(
    facts.pipelines.map((pipeline) => [`${pipeline.repository} #${String(pipeline.number)}`, pipeline]),
  );
  const told = decided.map((one): Told => ({
    one,
    pipeline: byKey.get(`${one.decision.subject['repository'] ?? ''} ${one.decision.subject['pipeline'] ?? ''}`),
  }));
  const rerun = told.filter(isRerun);
  const storms = told.filter(({ one }) => one.decision.verdict === 'escalate');
  const notDone = told.filter((each) => each.one.decision.verdict === 'act' && !isRerun(each));
  const skipped = told.filter(({ one }) => one.decision.verdict === 'skip');
  const failures = toldFailures(facts, policy);
  const causes = new Map(failures.map(({ pipeline, cause }) => [pipeline, cause]));
  const disproved = Object.keys(facts.memory.signatures.records)
    .filter((signature) => isDisproved(worldOf(facts, policy), signature))
    .sort();
  const putOff = { repositories: facts.putOffRepositories, pipelines: facts.left.length };
  const summary: JsonObject = {
    workspace: facts.workspace,
    pipelines_failed: facts.pipelines.length,
    pipelines_rerun: rerun.map((each) => entryOf(each, { attempt: (each.pipeline?.attempt ?? 0) + 1 })),
    pipelines_escalated: storms.map(({ one }) => ({
      signature: one.decision.subject['signature'] ?? '',
      reason: one.decision.reason.label,
    })),
    pipelines_skipped: [...notDone, ...skipped].map((each) =>
      entryOf(each, {
        reason: each.one.outcome?.detail ?? each.one.decision.reason.label,
        ...causeOf(each.pipeline === undefined ? undefined : causes.get(each.pipeline)),
      }),
    ),
    put_off: putOff,
    signatures_given_up: disproved,
    ...(dryRun ? { dry_run: true } : {}),
  };
  const counts = `${counted(facts.pipelines.length, 'failed pipeline')}: ${String(rerun.length)} ${dryRun ? 'would be run' : 'run'} again, ${String(skipped.length + notDone.length)} left alone`;
  const shownFailures = failureBlocks(failures, facts, policy.duty);
  return {
    summary,
    notices: [
      ...told.flatMap(({ one, pipeline }) => noticesOf(one, pipeline, policy.duty)),
      ...failures.flatMap((failure) => failureNotices(failure, policy.duty)),
    ],
    news: failureNews(failures, facts, policy.duty),
    message: {
      title: titleOf({ reruns: rerun.length, storms: storms.length, failures: shownFailures.length, dryRun }),
      blocks: [
        paragraph(text(`${facts.workspace}: ${counts}.`)),
        ...rerunBlocks(rerun, policy.duty),
        ...section('Needs a person', storms, ({ one }) => [
          code(one.decision.reason.rule),
          text(` ${one.decision.reason.sentence}`),
        ]),
        ...shownFailures,
        ...section('Wanted, not done', notDone, notDoneLine),
        ...section('Left alone', skipped.filter(isWorthALine), skippedLine),
        ...(putOff.repositories + putOff.pipelines === 0
          ? []
          : [
              paragraph(
                bold('Put off: '),
                text(
                  `${counted(putOff.pipelines, 'pipeline')} and the lists of ${counted(putOff.repositories, 'repository', 'repositories')}, since requests are short or a storm is on. Newest failures come first.`,
                ),
              ),
            ]),
        ...(disproved.length === 0
          ? []
          : [
              paragraph(
                bold('No longer rerun: '),
                text(`${disproved.join(', ')}. Their reruns fail too often to be worth it.`),
              ),
            ]),
      ],
    },
  };
}

export function problems(facts: PipelineRetryFacts): readonly Problem[] {
  return facts.problems;
}

function isRerun({ one: { decision, outcome } }: Told): boolean {
  return (
    decision.verdict === 'act' &&
    (outcome?.state === 'applied' ||
      outcome?.state === 'begun' ||
      outcome?.state === 'planned' ||
      outcome?.state === 'repeated')
  );
}

/** What is the author's own business is in the summary; a message about each red build would be the noise that people leave for. */
function isWorthALine({ one: { decision } }: Told): boolean {
  return decision.reason.rule.includes('/hold-') && decision.reason.rule !== 'pipeline-retry/hold-age';
}

interface Found {
  readonly reruns: number;
  readonly storms: number;
  readonly failures: number;
  readonly dryRun: boolean;
}

function titleOf({ reruns, storms, failures, dryRun }: Found): string {
  if (dryRun) {
    return '🔍 Pipeline Retry (dry run)';
  }
  if (storms > 0) {
    return '⛈️ Builds Fail Of One Cause';
  }
  if (reruns > 0) {
    return '🔁 Pipelines Run Again';
  }
  return failures > 0 ? '🔴 Builds Broken By A Change' : '✅ Pipelines Looked At';
}

function entryOf({ one: { decision }, pipeline }: Told, more: JsonObject): JsonObject {
  const { evidence } = decision.reason;
  return {
    repository: decision.subject['repository'] ?? '',
    pipeline: decision.subject['pipeline'] ?? '',
    ref: pipeline?.ref ?? '',
    category: evidence['category'] ?? null,
    signature: evidence['signature'] ?? null,
    ...more,
  };
}

function causeOf(cause: CommitCause | undefined): JsonObject {
  return cause === undefined
    ? {}
    : { cause: { ...cause, suspects: cause.suspects.map((suspect) => ({ ...suspect })) } };
}

function section<T>(title: string, items: readonly T[], lineOf: (item: T) => Line): readonly Block[] {
  if (items.length === 0) {
    return [];
  }
  const more = items.length - LINES;
  const shown = items.slice(0, LINES).map(lineOf);
  return [
    paragraph(bold(title)),
    {
      kind: 'list',
      lines: more > 0 ? [...shown, [text(`and ${String(more)} more, see the report of the run`)]] : shown,
    },
  ];
}

/** Each with what became of it whenever the message is shown, and so one line a rerun. */
function rerunBlocks(rerun: readonly Told[], { tell }: PipelineRetryPolicy): readonly Block[] {
  if (rerun.length === 0 || !tell.reruns.includes('chat')) {
    return [];
  }
  const begun = rerun.filter(({ one }) => one.outcome?.actionId !== undefined);
  const planned = rerun.filter(({ one }) => one.outcome?.actionId === undefined);
  const more = begun.length - LINES;
  return [
    ...(begun.length === 0 ? [] : [paragraph(bold('Run again'))]),
    ...begun
      .slice(0, LINES)
      .map((told): Block => ({ kind: 'action', action: told.one.outcome?.actionId ?? '', line: rerunLine(told) })),
    ...(more > 0 ? [paragraph(text(`and ${String(more)} more, see the report of the run`))] : []),
    ...section('Would be run again', planned, rerunLine),
  ];
}

function nameOf({ one: { decision }, pipeline }: Told): Line {
  const name = `${decision.subject['repository'] ?? ''} ${decision.subject['pipeline'] ?? ''}`;
  return pipeline === undefined
    ? [text(name)]
    : [{ text: name, url: pipeline.url }, text(` on ${shortened(pipeline.ref, 80)}`)];
}

function rerunLine(told: Told): Line {
  const { decision } = told.one;
  const signatures = decision.action?.to['signatures'];
  const causes = Array.isArray(signatures) ? signatures.map(String).join(', ') : '';
  return [
    ...nameOf(told),
    text(`: run again (${causes}) by `),
    code(decision.reason.rule),
    text(`: ${decision.reason.sentence}`),
  ];
}

function notDoneLine(told: Told): Line {
  const { outcome } = told.one;
  return [...nameOf(told), text(` (${outcome?.state ?? ''}): ${shortened(outcome?.detail ?? '', 300)}`)];
}

function skippedLine(told: Told): Line {
  return [...nameOf(told), text(`: ${shortened(told.one.decision.reason.sentence, 300)}`)];
}

function counted(count: number, one: string, many = `${one}s`): string {
  return `${String(count)} ${count === 1 ? one : many}`;
}

// Decisions and what became of them → summary and message. Problems of the run are told by the runtime, above all this.
import type { ActionProposal } from '../../shared/core/action.ts';
import { bold, code, paragraph, text } from '../../shared/core/document.ts';
import type { Block, Line, Message } from '../../shared/core/document.ts';
import { fingerprintOf } from '../../shared/core/fingerprint.ts';
import { escalationOf, isFailure } from '../../shared/core/report.ts';
import type { Correction, DecidedOutcome, Problem, Report } from '../../shared/core/report.ts';
import { shortened } from './decide-wording.ts';
import { summaryText } from './report-code.ts';
import { analysisEvidence } from './report-analysis.ts';
import { telling, templateWords, wordingEvidence } from './report-words.ts';
import { isDone, isEscalated, summaryLists, summaryOf, wanted } from './report-summary.ts';
import type { Policy } from '../../shared/core/policy.ts';
import type { RebalancePolicy } from './schema.ts';
import type { RebalanceFacts, Sizes, TemplateContainer } from './schema-facts.ts';

/** Lines of one kind in the message: past this the whole is in the file. */
const LINES = 25;
const DETAIL_CHARACTERS = 300;

export interface ReportInput {
  readonly facts: RebalanceFacts;
  readonly decided: readonly DecidedOutcome[];
  readonly dryRun: boolean;
  readonly policy: Policy<RebalancePolicy>;
}

export function report({ facts, policy, decided, dryRun }: ReportInput): Report {
  const lists = summaryLists(facts, decided);
  const summary = summaryOf(facts, lists, dryRun);
  const { text: json, isWhole } = summaryText(facts, lists, dryRun);
  const message: Message = {
    title: titleOf(facts, decided, dryRun),
    blocks: [
      paragraph(text(`${facts.namespace} (${facts.cluster})`), text(`: ${countsOf(facts, lists)}.`)),
      { kind: 'paragraph', role: 'words', line: [text(templateWords(decided))] },
      { kind: 'code', text: json },
      ...section('Changed', changesOf(decided), (same) => changeLine(facts, same)),
      ...section('Needs a person', issuesOf(decided), escalationLine),
      ...section('Wanted, not done', notDoneOf(decided), notDoneLine),
    ],
    ...(!isWhole && {
      file: {
        name: `rebalance-${facts.namespace}.json`,
        title: `Resource Rebalance of ${facts.namespace} (${facts.cluster}), whole summary`,
        content: JSON.stringify(summary, null, 2),
      },
    }),
  };
  const { window } = policy.duty;
  return {
    summary,
    message,
    corrections: correctionsOf(decided),
    // Where nothing was decided there is nothing to word.
    ...(telling(decided).length > 0 && {
      wording: { prompt: 'summary', evidence: () => wordingEvidence(facts, lists, decided, window) },
      analysis: { prompt: 'analysis', evidence: () => analysisEvidence(facts, decided, window) },
    }),
  };
}

/** What could not be seen or is set up wrongly. */
export function problems(facts: RebalanceFacts): readonly Problem[] {
  return facts.metrics.problems;
}

function titleOf(facts: RebalanceFacts, decided: readonly DecidedOutcome[], dryRun: boolean): string {
  const outcomes = decided.flatMap(({ outcome }) => (outcome === undefined ? [] : [outcome.state]));
  if (facts.metrics.problems.some(({ kind }) => kind === 'configuration')) {
    return '⛔ Resource Rebalance Refused';
  }
  if (dryRun) {
    return '🔍 Resource Rebalance (dry run)';
  }
  if (facts.metrics.problems.length > 0) {
    return '⚠️ Resource Rebalance Completed With Problems';
  }
  return outcomes.length > 0 && outcomes.every((state) => state === 'observed')
    ? '👀 Resource Rebalance (observing)'
    : '✅ Resource Rebalance Completed';
}

function countsOf(facts: RebalanceFacts, lists: ReturnType<typeof summaryLists>): string {
  const pods = (count: number): string => (count === 1 ? '1 pod' : `${count} pods`);
  const rebalanced = new Set(lists.rebalanced.map(({ name }) => name)).size;
  return `${pods(facts.pods.length)} scanned, ${rebalanced} rebalanced, ${lists.escalated.length} escalated, ${lists.skipped.length} skipped`;
}

/** Only what is shown is worded. */
function section<T>(title: string, items: readonly T[], lineOf: (item: T) => Line): readonly Block[] {
  if (items.length === 0) {
    return [];
  }
  const more = items.length - LINES;
  const shown = items.slice(0, LINES).map(lineOf);
  const lines = more > 0 ? [...shown, [text(`and ${more} more, see the report of the run`)]] : shown;
  return [paragraph(bold(title)), { kind: 'list', lines }];
}

/** Decisions that share one effect or one issue: the first speaks for all. */
type Same = readonly [DecidedOutcome, ...DecidedOutcome[]];

function grouped(decided: readonly DecidedOutcome[], keyOf: (one: DecidedOutcome) => string): readonly Same[] {
  return [...Map.groupBy(decided, keyOf).values()].flatMap(([first, ...others]): Same[] =>
    first === undefined ? [] : [[first, ...others]],
  );
}

/** A template is changed once for all its pods, and told once. */
function changesOf(decided: readonly DecidedOutcome[]): readonly Same[] {
  return grouped(decided.filter(isDone), ({ decision }) => JSON.stringify(decision.action?.target ?? null));
}

function changeLine(facts: RebalanceFacts, same: Same): Line {
  const [first] = same;
  const { action, subject, reason } = first.decision;
  const isTemplate = action?.kind === 'cluster.patch-template';
  const name = isTemplate ? `${action.guard.workload}/${subject.container ?? ''}` : nameOf(subject);
  const lasting = isTemplate
    ? `its template, so that its ${same.length === 1 ? 'pod is' : `${same.length} pods are`} replaced`
    : lastsUntil(facts, first);
  return [
    code(name),
    text(` ${first.outcome?.state === 'planned' ? 'would get ' : ''}${wanted(action)} by `),
    code(reason.rule),
    text(`: ${because(reason.sentence)} ${capitalised(lasting)}.`),
  ];
}

/** How long an in-place change lasts, and whether it restarts the container. */
function lastsUntil(facts: RebalanceFacts, { decision }: DecidedOutcome): string {
  const pod = facts.pods.find(({ name }) => name === decision.subject.pod);
  const container = pod?.containers.find(({ name }) => name === decision.subject.container);
  const workload = facts.workloads.find((one) => one.kind === pod?.owner?.kind && one.name === pod.owner.name);
  const template = workload?.containers.find(({ name }) => name === container?.name);
  const action = decision.action;
  const changed = [action?.to.requests, action?.to.limits].flatMap((sizes) => Object.keys(sizes ?? {}));
  const restart =
    container?.restartsFor.some((resource) => changed.includes(resource)) === true ? 'restarts the container; ' : '';
  if (workload === undefined) {
    return `${restart}lasts until the pod is made anew`;
  }
  const says = declaredSize(template, action);
  const still = says === undefined ? '' : `: the template still says ${says}`;
  return `${restart}lasts until the next rollout${still}`;
}

/** What the template says of the first size that changed. */
function declaredSize(template: TemplateContainer | undefined, action: ActionProposal | undefined): string | undefined {
  for (const list of ['limits', 'requests'] as const) {
    const [resource] = Object.keys((action?.to[list] as Sizes | undefined) ?? {});
    if (resource === 'cpu' || resource === 'memory') {
      return template?.[list][resource];
    }
  }
  return undefined;
}

/** The evidence of a sentence, without the change at its end, which the line has told already. */
function because(sentence: string): string {
  const end = sentence.lastIndexOf(': ');
  return end < 0 ? sentence : `${sentence.slice(0, end)}.`;
}

/** What an earlier message told as done and the node then did not do: said again where it was told. */
function correctionsOf(decided: readonly DecidedOutcome[]): readonly Correction[] {
  return decided.flatMap(({ decision }) => {
    const { actionId } = decision.reason.evidence;
    if (decision.reason.rule !== 'rebalance/escalate-resize-infeasible' || typeof actionId !== 'string') {
      return [];
    }
    const said = shortened(decision.reason.sentence, DETAIL_CHARACTERS);
    const line = paragraph(code(nameOf(decision.subject)), text(` was told as rebalanced: ${said}`));
    return [{ actionId, message: { title: '↩️ Resource Rebalance Corrected', blocks: [line] } }];
  });
}

function issuesOf(decided: readonly DecidedOutcome[]): readonly Same[] {
  return grouped(decided.filter(isEscalated), issueOf);
}

function issueOf(one: DecidedOutcome): string {
  return fingerprintOf(escalationOf(one)?.about ?? one.decision.subject);
}

/** One line an issue, naming how many containers it is about. */
function escalationLine(same: Same): Line {
  const [first] = same;
  const { decision, outcome } = first;
  const said =
    outcome !== undefined && isFailure(outcome)
      ? `${wanted(decision.action)} failed: ${outcome.detail}`
      : decision.reason.sentence;
  const others = same.length === 1 ? '' : ` (and ${same.length - 1} more)`;
  return [
    code(nameOf(decision.subject)),
    text(`${others} `),
    { issue: issueOf(first), text: decision.reason.label },
    text(` by ${decision.reason.rule}: ${shortened(said, DETAIL_CHARACTERS)}`),
  ];
}

function notDoneOf(decided: readonly DecidedOutcome[]): readonly DecidedOutcome[] {
  return decided.filter((one) => one.outcome !== undefined && !isDone(one) && !isFailure(one.outcome));
}

function notDoneLine({ decision, outcome }: DecidedOutcome): Line {
  const detail = shortened(outcome?.detail ?? '', DETAIL_CHARACTERS);
  return [
    code(nameOf(decision.subject)),
    text(` ${wanted(decision.action)} by ${decision.reason.rule}: ${outcome?.state ?? ''}. ${detail}`),
  ];
}

function nameOf(subject: Readonly<Record<string, string>>): string {
  return `${subject.pod ?? ''}/${subject.container ?? ''}`;
}

function capitalised(sentence: string): string {
  return sentence.charAt(0).toUpperCase() + sentence.slice(1);
}

// Decides what of a finished run is told, where, and how often: a person who reads every message must not learn to ignore them.
import { fingerprintOf, hashOf } from '../core/fingerprint.ts';
import { bold, code, type Message, paragraph, text } from '../core/document.ts';
import type { ActionRecord } from '../core/action.ts';
import type { Escalation } from '../core/decision.ts';
import { modeOf } from '../core/guardrail.ts';
import { type Correction, type DecidedOutcome, escalationOf, type Problem, type Report } from '../core/report.ts';
import type { StoredDocument, Write } from '../ports/store.ts';
import type { RunContext } from './context.ts';
import type { Duty } from './duty.ts';
import type { Reconciled } from './executor.ts';
import { outboxWrite } from './outbox.ts';
import { type IssueEntry, type IssueState, type MessageEntry, secondsAfter } from './outbox-entry.ts';

/** When something was last said about a scope. */
interface Told {
  /** The day of the last message in the team's time zone. */
  readonly day: string;
  /** What was said (fingerprint) and when: the same is said again after a day. */
  readonly items: Readonly<Record<string, string>>;
}

const REPEAT_SECONDS = 86_400;
/** Further new issues of one run go into one digest: an outage must not fill the tracker. */
const NEW_ISSUES_A_RUN = 5;
/** The message waits this long for the tracker's links. */
const LINK_PATIENCE_SECONDS = 60;

export interface NewsInput {
  readonly duty: Duty;
  readonly report: Report;
  readonly decided: readonly DecidedOutcome[];
  readonly problems: readonly Problem[];
  readonly reconciled: readonly Reconciled[];
}

/** The writes that hand the run's messages and issues to the outbox, for the run's last commit. */
export async function newsWrites(context: RunContext, input: NewsInput): Promise<readonly Write[]> {
  if (context.dryRun) {
    return [];
  }
  const issues = await issueWrites(context, input);
  const message = await messageWrites(context, input, issues.linked);
  return [...issues.writes, ...message, ...(await correctionWrites(context, input.report.corrections ?? []))];
}

/** What an earlier message told as done is corrected in its thread, once for each change. */
async function correctionWrites(context: RunContext, corrections: readonly Correction[]): Promise<readonly Write[]> {
  const { store } = context.ports;
  const writes: Write[] = [];
  for (const { actionId, message } of corrections) {
    const id = `${actionId}-correction`;
    const action = await store.read<ActionRecord>('actions', actionId);
    const told =
      action === undefined ? undefined : await store.read<MessageEntry>('outbox', messageId(action.data.runId));
    if (told?.data.posted === undefined || (await store.read('outbox', id)) !== undefined) {
      continue;
    }
    writes.push(
      outboxWrite({ ...messageEntry(context, id, told.data.channel, message, []), thread: told.data.posted }),
    );
  }
  return writes;
}

function messageId(runId: string): string {
  return `${runId}-message`;
}

function messageEntry(
  context: RunContext,
  id: string,
  channel: string,
  message: Message,
  issues: readonly string[],
): MessageEntry {
  return {
    id,
    kind: 'message',
    runId: context.runId,
    createdAt: context.now,
    state: 'pending',
    dueAt: context.now,
    attempts: 0,
    channel,
    message,
    issues,
    waitUntil: secondsAfter(context.now, LINK_PATIENCE_SECONDS),
  };
}

/**
 * Policy lets none of the duty's actions happen here: proposals are told once a day, and nothing goes to the tracker.
 * A duty that has no actions proposes nothing: what it escalates is all that it is for.
 */
function onlyObserves(context: RunContext, duty: Duty): boolean {
  const name = (key: string): string => (typeof context.scope[key] === 'string' ? context.scope[key] : '');
  const scope = { cluster: name('cluster'), namespace: name('namespace') };
  const kinds = duty.actionKinds;
  return kinds.length > 0 && kinds.every((kind) => modeOf(context.team, kind, scope) === 'observe');
}

async function messageWrites(
  context: RunContext,
  input: NewsInput,
  issues: readonly string[],
): Promise<readonly Write[]> {
  const slack = context.team.chat?.slack;
  if (slack === undefined) {
    return [];
  }
  const id = `${context.duty}:${context.scopeKey}`;
  const told = await context.ports.store.read<Told>('posts', id);
  const today = dayIn(context.team.timezone, context.now);
  const recent = Object.fromEntries(
    Object.entries(told?.data.items ?? {}).filter(([, at]) => secondsAfter(at, REPEAT_SECONDS) > context.now),
  );
  const items = newsItems(input);
  const isNews = !onlyObserves(context, input.duty) && items.some((item) => recent[item] === undefined);
  const isDaily = slack.post === 'news-and-daily' && told?.data.day !== today;
  if (!isNews && !isDaily && slack.post !== 'every-run') {
    return [];
  }
  const next: Told = {
    day: today,
    items: { ...recent, ...Object.fromEntries(items.map((item) => [item, recent[item] ?? context.now])) },
  };
  const entry = messageEntry(context, messageId(context.runId), slack.channel, withRuntimeLines(input), issues);
  return [
    outboxWrite(entry),
    told === undefined
      ? { op: 'create', collection: 'posts', id, data: next }
      : { op: 'replace', collection: 'posts', id, data: next, version: told.version },
  ];
}

/** Fingerprints of what is worth a message. A change is news each time, everything else once a day. */
function newsItems(input: NewsInput): readonly string[] {
  const items: string[] = [];
  for (const decided of input.decided) {
    const { decision, outcome } = decided;
    const escalation = escalationOf(decided);
    if (outcome?.state === 'applied') {
      items.push(hashOf({ applied: outcome.actionId }));
    } else if (outcome?.state === 'waiting') {
      items.push(hashOf({ waiting: outcome.actionId }));
    } else if (outcome?.state === 'stale' || outcome?.state === 'refused') {
      items.push(hashOf({ subject: decision.subject, rule: decision.reason.rule, outcome: outcome.state }));
    }
    if (escalation !== undefined) {
      items.push(hashOf(escalation.about));
    }
  }
  items.push(...input.problems.map((problem) => hashOf({ problem: problem.message })));
  items.push(...input.reconciled.map((one) => hashOf({ reconciled: one.action.id })));
  return items;
}

function dayIn(timezone: string, iso: string): string {
  return new Intl.DateTimeFormat('sv-SE', { timeZone: timezone, dateStyle: 'short' }).format(new Date(iso));
}

/** The duty's message, and what only the runtime knows: problems first, ends of earlier runs last. */
function withRuntimeLines(input: NewsInput): Message {
  const { message } = input.report;
  const problems = input.problems.map((problem) => [bold('Problem: '), text(problem.message)]);
  const ends = input.reconciled.map((one) => [
    text('An earlier run was cut off: '),
    code(one.change),
    text(` (${one.action.state}). ${one.action.outcome ?? ''}`),
  ]);
  return {
    ...message,
    blocks: [
      ...problems.map((line) => paragraph(...line)),
      ...message.blocks,
      ...(ends.length === 0 ? [] : [{ kind: 'list' as const, lines: ends }]),
    ],
  };
}

async function issueWrites(
  context: RunContext,
  input: NewsInput,
): Promise<{ readonly writes: readonly Write[]; readonly linked: readonly string[] }> {
  const jira = context.team.tracker?.jira;
  if (jira === undefined || onlyObserves(context, input.duty)) {
    return { writes: [], linked: [] };
  }
  const escalations = new Map<string, Escalation>();
  for (const decided of input.decided) {
    const escalation = escalationOf(decided);
    if (escalation !== undefined) {
      escalations.set(fingerprintOf(escalation.about), escalation);
    }
  }
  for (const one of input.reconciled.filter((candidate) => candidate.action.state === 'unknown')) {
    const escalation = unknownEnd(context, one);
    escalations.set(fingerprintOf(escalation.about), escalation);
  }
  const linked = [...escalations.keys()].sort();
  const states = new Map<string, StoredDocument<IssueState> | undefined>();
  for (const fingerprint of linked) {
    states.set(fingerprint, await context.ports.store.read<IssueState>('issues', fingerprint));
  }
  const fresh = linked.filter((fingerprint) => states.get(fingerprint) === undefined);
  const repeated = linked.filter((fingerprint) => isDue(states.get(fingerprint), context.now));
  const alone = fresh.slice(0, NEW_ISSUES_A_RUN);
  const coveredAgain = linked.filter((fingerprint) => isCoveredAndDue(states.get(fingerprint), context.now));
  const rest = [...fresh.slice(NEW_ISSUES_A_RUN), ...coveredAgain];
  const toTell = new Map(
    [...alone, ...repeated].map((fingerprint) => [fingerprint, escalations.get(fingerprint) as Escalation]),
  );
  const covered = new Map<string, string>();
  if (rest.length > 0) {
    const digest = digestOf(
      context,
      rest.map((fingerprint) => escalations.get(fingerprint) as Escalation),
    );
    const fingerprint = fingerprintOf(digest.about);
    toTell.set(fingerprint, digest);
    states.set(fingerprint, await context.ports.store.read<IssueState>('issues', fingerprint));
    for (const one of rest) {
      covered.set(one, fingerprint);
    }
  }
  const writes: Write[] = [];
  for (const [fingerprint, escalation] of toTell) {
    writes.push(outboxWrite(issueEntry(context, jira, fingerprint, escalation)));
    writes.push(touchWrite(states.get(fingerprint), { fingerprint, openedAt: context.now, touchedAt: context.now }));
  }
  for (const [fingerprint, digest] of covered) {
    writes.push(
      touchWrite(states.get(fingerprint), { fingerprint, digest, openedAt: context.now, touchedAt: context.now }),
    );
  }
  return { writes, linked };
}

/** An issue with a ticket of its own is commented at most once a day; one that a digest covers is told by the digest. */
function isDue(state: StoredDocument<IssueState> | undefined, now: string): boolean {
  return (
    state !== undefined && state.data.digest === undefined && secondsAfter(state.data.touchedAt, REPEAT_SECONDS) <= now
  );
}

function isCoveredAndDue(state: StoredDocument<IssueState> | undefined, now: string): boolean {
  return state?.data.digest !== undefined && secondsAfter(state.data.touchedAt, REPEAT_SECONDS) <= now;
}

function touchWrite(before: StoredDocument<IssueState> | undefined, fresh: IssueState): Write {
  return before === undefined
    ? { op: 'create', collection: 'issues', id: fresh.fingerprint, data: fresh }
    : {
        op: 'replace',
        collection: 'issues',
        id: fresh.fingerprint,
        data: { ...before.data, touchedAt: fresh.touchedAt },
        version: before.version,
      };
}

function issueEntry(
  context: RunContext,
  jira: { project: string; issueType: string },
  fingerprint: string,
  escalation: Escalation,
): IssueEntry {
  return {
    id: `${context.runId}-issue-${fingerprint}`,
    kind: 'issue',
    runId: context.runId,
    createdAt: context.now,
    state: 'pending',
    dueAt: context.now,
    attempts: 0,
    draft: {
      project: jira.project,
      issueType: jira.issueType,
      fingerprint,
      title: escalation.title,
      body: escalation.body,
      labels: [`nightshift-${context.duty}`],
    },
  };
}

function digestOf(context: RunContext, escalations: readonly Escalation[]): Escalation {
  return {
    about: { duty: context.duty, scope: context.scopeKey, digest: 'escalations' },
    title: `${context.duty}: ${String(escalations.length)} more findings in ${context.scopeKey}`,
    body: [
      paragraph(
        text(
          `More was found in one run than deserves issues of their own (${String(NEW_ISSUES_A_RUN)} a run): look for a common cause first.`,
        ),
      ),
      { kind: 'list', lines: escalations.map((escalation) => [text(escalation.title)]) },
    ],
  };
}

function unknownEnd(context: RunContext, one: Reconciled): Escalation {
  return {
    about: {
      duty: context.duty,
      rule: 'executor/unknown-end',
      scope: context.scopeKey,
      workload: one.action.guard.workload,
    },
    title: `A change has an unknown end: ${one.change}`,
    body: [
      paragraph(
        text(
          'The run that made this change was cut off, and the target is neither as it was before nor as was wanted.',
        ),
      ),
      paragraph(text('Change: '), code(one.change)),
      paragraph(text(one.action.outcome ?? '')),
      paragraph(text('Look at the target and set it as it should be. It is not touched again for this.')),
    ],
  };
}

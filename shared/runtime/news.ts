// Decides what of a finished run is told, where, and how often: a person who reads every message must not learn to ignore them.
import { fingerprintOf, hashOf } from '../core/fingerprint.ts';
import { bold, code, type Message, paragraph, text } from '../core/document.ts';
import type { ActionRecord } from '../core/action.ts';
import type { Escalation } from '../core/decision.ts';
import { modeOf } from '../core/guardrail.ts';
import { masked } from '../core/mask.ts';
import { type Correction, type DecidedOutcome, escalationOf, type Problem, type Report } from '../core/report.ts';
import type { StoredDocument, Write } from '../ports/store.ts';
import type { RunContext } from './context.ts';
import type { Duty } from './duty.ts';
import { largeWrites } from './large-document.ts';
import { outboxWrite } from './outbox.ts';
import type { Reconciled } from './reconcile.ts';
import { runExpiry } from './run-record.ts';
import { type IssueEntry, type IssueState, type MessageEntry, type OutboxEntry, secondsAfter } from './outbox-entry.ts';

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
/** A commit takes 500 writes. What is over keeps its turn for the next run. */
const REPEATED_A_RUN = 50;
const COVERED_A_RUN = 150;
const CORRECTIONS_A_RUN = 50;
/** Titles that a digest spells out. */
const DIGEST_LINES = 200;
/** A larger file would not fit into the document of its message. */
const INLINE_FILE_CHARACTERS = 100_000;
/** More than this is remembered as one: told again when any of it changes. */
const REMEMBERED_ITEMS = 1000;

export interface NewsInput {
  readonly duty: Duty;
  readonly report: Pick<Report, 'message' | 'corrections'>;
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
  for (const { actionId, message } of corrections.slice(0, CORRECTIONS_A_RUN)) {
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
  // Not the run's `now`: a long run would find its patience used up before it began to wait.
  const at = context.ports.clock.now().toISOString();
  return {
    id,
    kind: 'message',
    runId: context.runId,
    createdAt: at,
    state: 'pending',
    dueAt: at,
    attempts: 0,
    channel,
    message: masked(context.mask, message),
    issues,
    waitUntil: secondsAfter(at, LINK_PATIENCE_SECONDS),
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
  const { message, largeFile, chunks } = withFileApart(context, withRuntimeLines(input));
  const entry = messageEntry(context, messageId(context.runId), slack.channel, message, issues);
  return [
    outboxWrite({ ...entry, ...(largeFile && { largeFile }) }),
    ...chunks,
    told === undefined
      ? { op: 'create', collection: 'posts', id, data: next }
      : { op: 'replace', collection: 'posts', id, data: next, version: told.version },
  ];
}

function withFileApart(
  context: RunContext,
  message: Message,
): Pick<MessageEntry, 'message' | 'largeFile'> & { readonly chunks: readonly Write[] } {
  const { file } = message;
  if (file === undefined || file.content.length <= INLINE_FILE_CHARACTERS) {
    return { message, chunks: [] };
  }
  const { writes, reference } = largeWrites(
    `run-${context.runId}-file`,
    context.mask(file.content),
    runExpiry(context.ports.clock.now()),
  );
  return { message: { ...message, file: { ...file, content: '' } }, largeFile: reference, chunks: writes };
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
  items.push(...input.problems.map((problem) => hashOf({ problem: withoutNumbers(problem.message) })));
  items.push(...input.reconciled.map((one) => hashOf({ reconciled: one.action.id })));
  const distinct = [...new Set(items)].sort();
  return distinct.length > REMEMBERED_ITEMS ? [hashOf(distinct)] : distinct;
}

/** The same problem carries another duration, port or request id each time. */
function withoutNumbers(message: string): string {
  return message.replaceAll(/[0-9]+/g, '0');
}

function dayIn(timezone: string, iso: string): string {
  return new Intl.DateTimeFormat('sv-SE', { timeZone: timezone, dateStyle: 'short' }).format(new Date(iso));
}

/** The duty's message, and what only the runtime knows: problems first, ends of earlier runs last. */
function withRuntimeLines(input: NewsInput): Message {
  const { message } = input.report;
  const problems = input.problems.map((problem) => [bold('Problem: '), text(problem.message)]);
  const ends = input.reconciled.map((one) => [
    text(`Run ${one.action.runId} ended before it could tell: `),
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
  const known = (fingerprint: string): IssueState | undefined => states.get(fingerprint)?.data;
  const repeated = await notUnderWay(
    context,
    linked.filter((fingerprint) => isDue(known(fingerprint), context.now)).slice(0, REPEATED_A_RUN),
    known,
  );
  const fresh = linked.filter((fingerprint) => known(fingerprint) === undefined);
  const covered = [
    ...fresh.slice(NEW_ISSUES_A_RUN),
    ...linked.filter((fingerprint) => isCoveredAndDue(known(fingerprint), context.now)),
  ].slice(0, COVERED_A_RUN);
  const toTell = new Map(
    [...fresh.slice(0, NEW_ISSUES_A_RUN), ...repeated].map((one) => [one, escalations.get(one) as Escalation]),
  );
  const writes: Write[] = [];
  if (covered.length > 0) {
    const digest = digestOf(
      context,
      covered.map((one) => escalations.get(one) as Escalation),
    );
    const fingerprint = fingerprintOf(digest.about);
    toTell.set(fingerprint, digest);
    states.set(fingerprint, await context.ports.store.read<IssueState>('issues', fingerprint));
    for (const one of covered) {
      writes.push(touchWrite(states.get(one), { ...touched(context, one), digest: fingerprint }));
    }
  }
  for (const [fingerprint, escalation] of toTell) {
    const entry = issueEntry(context, jira, fingerprint, escalation);
    writes.push(
      outboxWrite(entry),
      touchWrite(states.get(fingerprint), { ...touched(context, fingerprint), entry: entry.id }),
    );
  }
  const told = new Set([...toTell.keys(), ...covered]);
  return { writes, linked: linked.filter((one) => told.has(one) || known(one) !== undefined) };
}

function touched(context: RunContext, fingerprint: string): IssueState {
  return { fingerprint, openedAt: context.now, touchedAt: context.now };
}

/** While the tracker is down one entry waits for each issue: a second one would say the same at the same time. */
async function notUnderWay(
  context: RunContext,
  fingerprints: readonly string[],
  known: (fingerprint: string) => IssueState | undefined,
): Promise<readonly string[]> {
  const free: string[] = [];
  for (const fingerprint of fingerprints) {
    const entry = known(fingerprint)?.entry;
    const last = entry === undefined ? undefined : await context.ports.store.read<OutboxEntry>('outbox', entry);
    if (last?.data.state !== 'pending') {
      free.push(fingerprint);
    }
  }
  return free;
}

/** An issue with a ticket of its own is commented at most once a day; one that a digest covers is told by the digest. */
function isDue(state: IssueState | undefined, now: string): boolean {
  return state !== undefined && state.digest === undefined && secondsAfter(state.touchedAt, REPEAT_SECONDS) <= now;
}

function isCoveredAndDue(state: IssueState | undefined, now: string): boolean {
  return state?.digest !== undefined && secondsAfter(state.touchedAt, REPEAT_SECONDS) <= now;
}

function touchWrite(before: StoredDocument<IssueState> | undefined, fresh: IssueState): Write {
  return before === undefined
    ? { op: 'create', collection: 'issues', id: fresh.fingerprint, data: fresh }
    : {
        op: 'replace',
        collection: 'issues',
        id: fresh.fingerprint,
        data: { ...before.data, touchedAt: fresh.touchedAt, ...(fresh.entry !== undefined && { entry: fresh.entry }) },
        version: before.version,
      };
}

function issueEntry(
  context: RunContext,
  jira: { project: string; issueType: string },
  fingerprint: string,
  escalation: Escalation,
): IssueEntry {
  const at = context.ports.clock.now().toISOString();
  return {
    id: `${context.runId}-issue-${fingerprint}`,
    kind: 'issue',
    runId: context.runId,
    createdAt: at,
    state: 'pending',
    dueAt: at,
    attempts: 0,
    draft: {
      project: jira.project,
      issueType: jira.issueType,
      fingerprint,
      title: context.mask(escalation.title),
      body: masked(context.mask, escalation.body),
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
      {
        kind: 'list',
        lines: [
          ...escalations.slice(0, DIGEST_LINES).map((escalation) => [text(escalation.title)]),
          ...(escalations.length > DIGEST_LINES ? [[text('and more, see the report of the run')]] : []),
        ],
      },
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

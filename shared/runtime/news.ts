// Decides what of a finished run is told, where, and how often: a person who reads every message must not learn to ignore them.
import { hashOf } from '../core/fingerprint.ts';
import { bold, code, type Message, paragraph, text } from '../core/document.ts';
import type { ActionRecord } from '../core/action.ts';
import type { Escalation } from '../core/decision.ts';
import { onlyObserves } from '../core/guardrail.ts';
import { dayOf } from '../core/local-day.ts';
import { masked } from '../core/mask.ts';
import {
  type Correction,
  type DecidedOutcome,
  escalationOf,
  type Notice,
  type Problem,
  type Report,
} from '../core/report.ts';
import type { Write } from '../ports/store.ts';
import type { RunContext } from './context.ts';
import type { Duty } from './duty.ts';
import { unknownEnd } from './end-writes.ts';
import { largeWrites } from './large-document.ts';
import { issueWrites, REPEAT_SECONDS } from './issue-writes.ts';
import { outboxWrite } from './outbox.ts';
import type { Reconciled } from './reconcile.ts';
import { runExpiry } from './run-record.ts';
import { type MessageEntry, type NoticeEntry, noticeId, secondsAfter } from './outbox-entry.ts';
import { buttonBlocks } from './news-buttons.ts';
import { messageOf } from './wake.ts';

/** When something was last said about a scope. */
interface Told {
  /** The day of the last message in the team's time zone. */
  readonly day: string;
  /** What was said (fingerprint) and when: the same is said again after a day. */
  readonly items: Readonly<Record<string, string>>;
}

/** The message waits this long for the tracker's links. */
const LINK_PATIENCE_SECONDS = 60;
/** A commit takes 500 writes. What is over keeps its turn for the next run. */
const CORRECTIONS_A_RUN = 50;
const NOTICES_A_RUN = 100;
/** A larger file would not fit into the document of its message. */
const INLINE_FILE_CHARACTERS = 100_000;
/** More than this is remembered as one: told again when any of it changes. */
const REMEMBERED_ITEMS = 1000;

export interface NewsInput {
  readonly duty: Duty;
  readonly report: Pick<Report, 'message' | 'corrections' | 'notices' | 'news'>;
  readonly decided: readonly DecidedOutcome[];
  readonly problems: readonly Problem[];
  readonly reconciled: readonly Reconciled[];
  /** That nothing is changed, and why, while it is paused. */
  readonly paused: string | undefined;
}

/** The writes that hand the run's messages and issues to the outbox, for the run's last commit. */
export async function newsWrites(context: RunContext, input: NewsInput): Promise<readonly Write[]> {
  if (context.dryRun) {
    return [];
  }
  const issues = onlyProposes(context, input.duty)
    ? { writes: [], linked: [] }
    : await issueWrites(context, escalationsOf(input));
  const message = await messageWrites(context, input, issues.linked);
  return [
    ...issues.writes,
    ...message,
    ...(await correctionWrites(context, input.report.corrections ?? [])),
    ...(await noticeWrites(context, input.report.notices ?? [])),
  ];
}

/** Once for each change or finding and place: said anew only when there is something else to say. */
async function noticeWrites(context: RunContext, notices: readonly Notice[]): Promise<readonly Write[]> {
  const at = context.ports.clock.now().toISOString();
  const entries = notices.slice(0, NOTICES_A_RUN).map(async (notice): Promise<readonly Write[]> => {
    const id = noticeId(notice.about, notice.place.kind);
    const entry: NoticeEntry = {
      id,
      kind: 'notice',
      runId: context.runId,
      createdAt: at,
      state: 'pending',
      dueAt: at,
      attempts: 0,
      action: notice.about,
      notice: masked(context.mask, notice),
    };
    const told = await context.ports.store.read<NoticeEntry>('outbox', id);
    if (told === undefined) {
      return [outboxWrite(entry)];
    }
    return hashOf(told.data.notice) === hashOf(entry.notice)
      ? []
      : [{ op: 'replace', collection: 'outbox', id, data: entry, version: told.version }];
  });
  return (await Promise.all(entries)).flat();
}

/** What an earlier message told as done is corrected in its thread, once for each change. */
async function correctionWrites(context: RunContext, corrections: readonly Correction[]): Promise<readonly Write[]> {
  const { store } = context.ports;
  const writes: Write[] = [];
  for (const { actionId, message } of corrections.slice(0, CORRECTIONS_A_RUN)) {
    const id = `${actionId}-correction`;
    const action = await store.read<ActionRecord>('actions', actionId);
    const told = action === undefined ? undefined : await store.read<MessageEntry>('outbox', messageOf(action.data));
    if (told?.data.posted === undefined || (await store.read('outbox', id)) !== undefined) {
      continue;
    }
    writes.push(
      outboxWrite({ ...messageEntry(context, id, told.data.channel, message, []), thread: told.data.posted }),
    );
  }
  return writes;
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
function onlyProposes(context: RunContext, duty: Duty): boolean {
  const kinds = duty.actionKinds;
  return kinds.length > 0 && kinds.every((kind) => onlyObserves(context.team, kind, context.scope));
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
  const today = dayOf(context.now, context.team.timezone);
  const recent = Object.fromEntries(
    Object.entries(told?.data.items ?? {}).filter(([, at]) => secondsAfter(at, REPEAT_SECONDS) > context.now),
  );
  const isRecent = (item: string): boolean => recent[item] !== undefined;
  const changes = newsItems(input);
  const findings = (input.report.news ?? []).map((item) => hashOf({ finding: item })).slice(0, REMEMBERED_ITEMS);
  const items = [...changes, ...findings];
  const isNews = !findings.every(isRecent) || (!onlyProposes(context, input.duty) && !changes.every(isRecent));
  const isDaily = slack.post === 'news-and-daily' && told?.data.day !== today;
  if (!isNews && !isDaily && slack.post !== 'every-run') {
    return [];
  }
  const next: Told = {
    day: today,
    items: { ...recent, ...Object.fromEntries(items.map((item) => [item, recent[item] ?? context.now])) },
  };
  const { message, largeFile, chunks } = withFileApart(context, await withRuntimeLines(context, input));
  const entry = messageEntry(context, messageOf(context), slack.channel, message, issues);
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
  if (file === undefined || 'picture' in file || file.content.length <= INLINE_FILE_CHARACTERS) {
    return { message, chunks: [] };
  }
  const { writes, reference } = largeWrites(
    `run-${context.runId}-file`,
    context.mask(file.content),
    runExpiry(context.team, context.ports.clock.now()),
  );
  return { message: { ...message, file: { ...file, content: '' } }, largeFile: reference, chunks: writes };
}

/** Fingerprints of what is worth a message. A change is news each time, everything else once a day. */
function newsItems(input: NewsInput): readonly string[] {
  const items: string[] = [];
  for (const decided of input.decided) {
    const { decision, outcome } = decided;
    const escalation = escalationOf(decided);
    if (outcome?.state === 'applied' || outcome?.state === 'begun') {
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

/** The duty's message, and what only the runtime knows: problems first, ends of earlier runs last. */
async function withRuntimeLines(context: RunContext, input: NewsInput): Promise<Message> {
  const { message } = input.report;
  const buttons = await buttonBlocks(context, {
    decided: input.decided,
    isPaused: input.paused !== undefined,
    hasProblems: input.problems.length > 0,
  });
  const problems = input.problems.map((problem) => [bold('Problem: '), text(problem.message)]);
  const ends = input.reconciled.map((one) => [
    text(`Run ${one.action.runId} ended before it could tell: `),
    code(one.change),
    text(` (${one.action.state}). ${one.action.outcome ?? ''}`),
  ]);
  return {
    ...message,
    blocks: [
      ...(input.paused === undefined ? [] : [paragraph(bold('Paused: '), text(input.paused))]),
      ...problems.map((line) => paragraph(...line)),
      ...message.blocks,
      ...buttons,
      ...(ends.length === 0 ? [] : [{ kind: 'list' as const, lines: ends }]),
    ],
  };
}

/** What becomes an issue: what the rules escalate, changes that failed, and those of dead runs whose end is unknown. */
function escalationsOf(input: NewsInput): readonly Escalation[] {
  const ends = input.reconciled.filter(({ action }) => action.state === 'unknown');
  return [
    ...input.decided.map(escalationOf).filter((escalation) => escalation !== undefined),
    ...ends.map((one) => unknownEnd(one.action, one.change)),
  ];
}

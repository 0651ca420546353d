// Judges a play by what the systems and the journal hold in the end: what happened twice, and what was lost. It knows no kind.
import type { RecordedCall } from '../../../fixtures/platform/kit.ts';
import { ACTION_KINDS } from '../../../shared/actions/kinds.ts';
import type { ActionRecord } from '../../../shared/core/action.ts';
import { adfText, slackText } from '../../../shared/local/demo-text.ts';
import type { Collection, Store } from '../../../shared/ports/store.ts';
import { verifyJournal } from '../../../shared/runtime/audit.ts';
import type { JournalEntry } from '../../../shared/runtime/journal.ts';
import type { OutboxEntry } from '../../../shared/runtime/outbox-entry.ts';
import type { RunRecord } from '../../../shared/runtime/run-record.ts';
import type { Stage } from './stage.ts';

export interface End {
  /** Calls that changed a target, with their content, and how often each was accepted. */
  readonly effects: Readonly<Record<string, number>>;
  readonly actions: readonly ActionRecord[];
  /** Ids of the actions that the journal calls applied, and of those that somebody approved. */
  readonly applied: ReadonlySet<string>;
  readonly approved: ReadonlySet<string>;
  readonly runs: readonly RunRecord[];
  readonly outbox: readonly OutboxEntry[];
  /** What people read: by marker, how often; and the text of each. */
  readonly markers: Readonly<Record<string, number>>;
  readonly messages: readonly string[];
  readonly notes: readonly string[];
  /** Open issues by fingerprint, how often; their texts; comments by marker. */
  readonly issues: Readonly<Record<string, number>>;
  readonly issueTexts: readonly string[];
  readonly comments: Readonly<Record<string, number>>;
  readonly defects: readonly string[];
}

export interface Verdict {
  readonly duplicates: readonly string[];
  readonly losses: readonly string[];
}

/** Calls that are made between the look at a target and its answer, and nowhere else: the changes themselves. */
export function changingCalls(trace: readonly string[]): ReadonlySet<string> {
  const inside = new Set<string>();
  const outside = new Set<string>();
  let isChanging = false;
  for (const name of trace) {
    if (name === 'target-read') {
      isChanging = true;
    } else if (name === 'applied' || name === 'outcome-stored') {
      isChanging = false;
    } else {
      (isChanging ? inside : outside).add(name);
    }
  }
  return new Set([...inside].filter((name) => !outside.has(name)));
}

export async function endOf({ running }: Stage, changing: ReadonlySet<string>): Promise<End> {
  const { store, platform } = running;
  const { slack, jira } = platform.doubles;
  const journal = await everything<JournalEntry>(store, 'journal');
  const ofState = (state: string): ReadonlySet<string> =>
    new Set(journal.filter((entry) => entry.state === state).map(({ actionId }) => actionId));
  const waited = ofState('waiting');
  const { messages, files } = slack.state();
  const open = jira.state().issues.filter((issue) => issue.status.category.key !== 'done');
  const audits = await verifyJournal(store);
  return {
    effects: counted(
      platform.calls
        .filter((call) => changing.has(`${call.system} ${call.operation}`) && isAccepted(call))
        .map(({ method, path, requestBody }) => `${method} ${path} ${requestBody}`),
    ),
    actions: await everything<ActionRecord>(store, 'actions'),
    applied: ofState('applied'),
    approved: new Set([...ofState('intended')].filter((id) => waited.has(id))),
    runs: await everything<RunRecord>(store, 'runs'),
    outbox: await everything<OutboxEntry>(store, 'outbox'),
    markers: counted([
      ...messages.flatMap(({ metadata }) => (metadata === undefined ? [] : [JSON.stringify(metadata)])),
      ...files.filter(({ shares }) => shares.length > 0).map(({ title }) => `file ${title}`),
    ]),
    messages: messages.filter(({ threadTs }) => threadTs === undefined).map(textOf),
    notes: messages.filter(({ threadTs }) => threadTs !== undefined).map(textOf),
    issues: counted(open.flatMap(({ labels }) => labels.filter((label) => /^nightshift-[0-9a-f]{20}$/.test(label)))),
    issueTexts: open.map(({ summary, description }) => `${summary}\n${adfText(description)}`),
    comments: counted(
      open.flatMap(({ key, comments }) => comments.map(({ properties }) => `${key} ${JSON.stringify(properties)}`)),
    ),
    defects: audits.flatMap(({ scope, defects }) => defects.map(({ message }) => `${scope}: ${message}`)),
  };
}

function isAccepted({ handledStatus }: RecordedCall): boolean {
  return handledStatus !== null && handledStatus >= 200 && handledStatus < 300;
}

function textOf({ text, blocks }: { text: string; blocks: Parameters<typeof slackText>[0] | undefined }): string {
  return slackText(blocks ?? []) || text;
}

async function everything<T>(store: Store, collection: Collection): Promise<readonly T[]> {
  return (await store.query<T>(collection, { where: [], limit: 1000 })).map(({ data }) => data);
}

function counted(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) {
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

/** `usual` is how the same play ends when nothing is struck; `isSameTime` when every instance saw the same world as then. */
export function judge(end: End, usual: End, isSameTime: boolean): Verdict {
  return {
    duplicates: [
      ...beyond('accepted more than once', end.effects, 1),
      ...(isSameTime ? foreign(end, usual) : []),
      ...beyond('posted more than once', end.markers, 1),
      ...repeated('said more than once in a thread', end.notes),
      ...beyond('more than one open issue', end.issues, 1),
      ...beyond('commented more than once', end.comments, 1),
      ...end.actions.filter((action) => tellings(end, action) > 1).map((action) => `told twice: ${described(action)}`),
    ],
    losses: [
      ...end.defects,
      ...accounting(end),
      ...end.actions
        .filter((action) => !isOver(end, action))
        .map((action) => `left ${action.state}: ${described(action)}`),
      ...end.actions
        .filter((action) => !isTold(end, action))
        .map((action) => `told to nobody: ${described(action)} (${action.state})`),
      ...end.runs.filter(({ state }) => state === 'running').map(({ id }) => `run ${id} never ended`),
      ...end.outbox
        .filter(({ state }) => state !== 'delivered')
        .map(({ id, state }) => `outbox entry ${id} is ${state}`),
      ...(isSameTime ? missing(end, usual) : []),
    ],
  };
}

function beyond(what: string, counts: Readonly<Record<string, number>>, most: number): readonly string[] {
  return Object.entries(counts).flatMap(([name, count]) =>
    count > most ? [`${what} (${String(count)}): ${name}`] : [],
  );
}

function repeated(what: string, texts: readonly string[]): readonly string[] {
  return beyond(what, counted(texts), 1);
}

function foreign(end: End, usual: End): readonly string[] {
  return Object.keys(end.effects).flatMap((name) => (usual.effects[name] === undefined ? [`not wanted: ${name}`] : []));
}

/** Every accepted change is an action that the journal calls applied. */
function accounting({ effects, applied }: End): readonly string[] {
  const accepted = Object.values(effects).reduce((sum, count) => sum + count, 0);
  return accepted === applied.size
    ? []
    : [`${String(accepted)} changes were made, ${String(applied.size)} are journaled as applied`];
}

function isOver({ issueTexts }: End, action: ActionRecord): boolean {
  return action.state === 'unknown'
    ? issueTexts.some((text) => text.includes(changeOf(action)))
    : !['intended', 'applied', 'waiting'].includes(action.state);
}

/**
 * A change that was made is told: by its run or the one after it; when a person approved it, or when it took another one back, in the
 * thread. One that was approved and not made is told as well.
 */
function isTold(end: End, action: ActionRecord): boolean {
  if (action.undoes !== undefined) {
    const undone = end.actions.find(({ id }) => id === action.undoes);
    return !end.applied.has(action.id) || undone === undefined || isNoted(end, undone, /undone|undo/i);
  }
  if (end.approved.has(action.id)) {
    return isNoted(end, action, /approved/i);
  }
  return !end.applied.has(action.id) || tellings(end, action) > 0;
}

function isNoted({ notes, messages }: End, action: ActionRecord, word: RegExp): boolean {
  return [...notes, ...messages].some((text) =>
    text.split('\n').some((line) => word.test(line) && line.includes(changeOf(action))),
  );
}

/** How many messages of their own tell a change that a run made. */
function tellings({ messages, applied, approved }: End, action: ActionRecord): number {
  if (action.undoes !== undefined || approved.has(action.id) || !applied.has(action.id)) {
    return 0;
  }
  return messages.filter((text) =>
    text.split('\n').some((line) => !UNMADE.test(line) && parts(changeOf(action)).every((part) => line.includes(part))),
  ).length;
}

/** A line about a change that was not made then: it may be made, and told, later. */
const UNMADE =
  /: (failed|refused|stale|waiting)\. |\((failed|refused|stale|waiting)\)[.:] |"reason": "(failed|refused|stale|waiting): /;

/** Changes are listed in one order by their kind and in another by a duty's report. */
function parts(change: string): readonly string[] {
  return change.split(', ').map((part) => part.replace(/^.*?: /, ''));
}

function changeOf(action: ActionRecord): string {
  return described(action).replace(/^.*?: /, '');
}

function described(action: ActionRecord): string {
  return ACTION_KINDS.get(action.kind)?.describe(action) ?? action.kind;
}

/** What the play without a strike has and this one has not. A change that was not made is no loss where a person is told of it. */
function missing(end: End, usual: End): readonly string[] {
  const unmade = Object.keys(usual.effects).filter((name) => end.effects[name] === undefined);
  const texts = [...end.messages, ...end.notes, ...end.issueTexts];
  const toldUnmade = end.actions.filter((action) => {
    const told = changeOf(end.actions.find(({ id }) => id === action.undoes) ?? action);
    return (
      !end.applied.has(action.id) &&
      texts.some((text) => text.split('\n').some((line) => line.includes(told) && line.includes(action.state)))
    );
  });
  return [
    ...(unmade.length > toldUnmade.length ? unmade.map((name) => `not made, and nobody is told: ${name}`) : []),
    ...Object.keys(usual.issues).flatMap((name) => (end.issues[name] === undefined ? [`no issue ${name}`] : [])),
  ];
}

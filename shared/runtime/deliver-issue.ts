// Delivers one issue: one open issue for each fingerprint, whatever was lost on the way.
import { paragraph, text } from '../core/document.ts';
import type { Issue, Tracker } from '../ports/tracker.ts';
import { ConfigurationError } from '../core/errors.ts';
import {
  accounted,
  attempt,
  type DeliveryContext,
  type IssueEntry,
  type IssueState,
  type OutboxEntry,
  secondsAfter,
} from './outbox-entry.ts';

/** The tracker's search may not show an issue yet that it created: after a lost reply it is looked for this long before creating again. */
const SEARCH_LAG_SECONDS = 300;
const LOOK_AGAIN_SECONDS = 30;
/** The tracker's clock is not ours, and it keeps whole seconds. */
const CLOCK_DIFFERENCE_MILLISECONDS = 300_000;

export async function deliverIssue(context: DeliveryContext, entry: IssueEntry): Promise<OutboxEntry> {
  const { tracker } = context.ports;
  if (tracker === undefined) {
    throw new ConfigurationError('An issue waits in the outbox and no tracker is configured.', {
      remedy: 'Set tracker.jira in the policy, and JIRA_EMAIL and JIRA_API_TOKEN.',
    });
  }
  if (tracker.isCreateOnly === true) {
    return createOnce(context, tracker, entry);
  }
  if (entry.recheck === true) {
    return mergeDuplicates(context, tracker, entry);
  }
  const { project, fingerprint } = entry.draft;
  const known = await knownIssue(context, tracker, fingerprint);
  const found = known ?? (await tracker.findOpen({ project, fingerprint }))[0];
  if (found !== undefined) {
    return alreadyOpen(context, tracker, entry, found);
  }
  if (entry.uncertain !== undefined && secondsSince(context, entry.uncertain.since) < SEARCH_LAG_SECONDS) {
    return { ...entry, dueAt: secondsAfter(context.now(), LOOK_AGAIN_SECONDS) };
  }
  const triedBefore = entry.uncertain !== undefined;
  const created = await attempt(context, entry, 'create', () => tracker.create(entry.draft));
  const other = await rememberIssue(context, fingerprint, created);
  // Two instances may have found none at the same time.
  return triedBefore || other
    ? { ...accounted(entry), url: created.url, recheck: true, dueAt: secondsAfter(context.now(), SEARCH_LAG_SECONDS) }
    : { ...accounted(entry), url: created.url, state: 'delivered' };
}

/** Nobody can tell whether it is still open: what was opened once is left to people, and not opened again. */
async function createOnce(context: DeliveryContext, tracker: Tracker, entry: IssueEntry): Promise<OutboxEntry> {
  const { project, fingerprint } = entry.draft;
  const known = (await context.ports.store.read<IssueState>('issues', fingerprint))?.data;
  if (known?.key !== undefined) {
    return { ...entry, ...(known.url !== undefined && { url: known.url }), state: 'delivered' };
  }
  const [found] = entry.uncertain === undefined ? [] : await tracker.findOpen({ project, fingerprint });
  const issue = found ?? (await attempt(context, entry, 'create', () => tracker.create(entry.draft)));
  await rememberIssue(context, fingerprint, issue);
  return { ...accounted(entry), url: issue.url, state: 'delivered' };
}

/** The issue that the store remembers, when it is still open. Read by key: no search lag. */
async function knownIssue(context: DeliveryContext, tracker: Tracker, fingerprint: string): Promise<Issue | undefined> {
  const state = await context.ports.store.read<IssueState>('issues', fingerprint);
  if (state?.data.key === undefined) {
    return undefined;
  }
  const issue = await tracker.read(state.data.key);
  return issue?.open === true ? issue : undefined;
}

/** It is there: created by this entry before its reply was lost, or earlier, in which case a comment says that it goes on. */
async function alreadyOpen(
  context: DeliveryContext,
  tracker: Tracker,
  entry: IssueEntry,
  issue: Issue,
): Promise<OutboxEntry> {
  const ours =
    entry.uncertain?.what === 'create' &&
    Date.parse(issue.createdAt) >= Date.parse(entry.uncertain.since) - CLOCK_DIFFERENCE_MILLISECONDS;
  if (!ours && !(await tracker.hasComment({ key: issue.key, marker: entry.id }))) {
    await context.save(entry);
    await tracker.comment({
      key: issue.key,
      marker: entry.id,
      body: [paragraph(text('Still so.')), ...entry.draft.body],
    });
    await context.onStep('delivery-sent');
  }
  await rememberIssue(context, entry.draft.fingerprint, issue);
  return { ...accounted(entry), url: issue.url, state: 'delivered' };
}

async function mergeDuplicates(context: DeliveryContext, tracker: Tracker, entry: IssueEntry): Promise<OutboxEntry> {
  const { project, fingerprint } = entry.draft;
  const found = await tracker.findOpen({ project, fingerprint });
  // Our own second one may still be hidden from the search: it is read by its key.
  const own = await knownIssue(context, tracker, fingerprint);
  const open = own === undefined || found.some((issue) => issue.key === own.key) ? found : [...found, own];
  const [original, ...duplicates] = [...open].sort((a, b) => (a.createdAt < b.createdAt ? -1 : 1));
  if (original === undefined) {
    return { ...entry, state: 'delivered' };
  }
  for (const duplicate of duplicates) {
    await tracker.closeAsDuplicate({ duplicate: duplicate.key, original: original.key });
    context.log.info({ duplicate: duplicate.key, original: original.key }, 'a duplicate issue was closed');
  }
  await rememberIssue(context, fingerprint, original);
  return { ...entry, url: original.url, state: 'delivered' };
}

/** Whether another issue of this fingerprint had been created a moment ago. */
async function rememberIssue(context: DeliveryContext, fingerprint: string, issue: Issue): Promise<boolean> {
  const { store } = context.ports;
  const now = context.now();
  for (;;) {
    const before = await store.read<IssueState>('issues', fingerprint);
    const same = before?.data.key === issue.key;
    const data: IssueState = {
      ...before?.data,
      fingerprint,
      key: issue.key,
      url: issue.url,
      openedAt: same ? before.data.openedAt : issue.createdAt,
      touchedAt: now,
    };
    const result = await store.commit([
      before === undefined
        ? { op: 'create', collection: 'issues', id: fingerprint, data }
        : { op: 'replace', collection: 'issues', id: fingerprint, data, version: before.version },
    ]);
    if (result.committed) {
      return (
        !same && before?.data.key !== undefined && secondsSince(context, before.data.openedAt) < SEARCH_LAG_SECONDS
      );
    }
  }
}

function secondsSince(context: DeliveryContext, iso: string): number {
  return (Date.parse(context.now()) - Date.parse(iso)) / 1000;
}

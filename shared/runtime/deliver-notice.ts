// Delivers one notice to the CI system: as often as is wished, since a status goes by its key and a comment by its marker.
import type { ActionRecord } from '../core/action.ts';
import { ConfigurationError } from '../core/errors.ts';
import type { CiBuildStatus } from '../ports/ci.ts';
import { actionLine } from './action-line.ts';
import { messageNow } from './buttons.ts';
import { attempt, accounted, type DeliveryContext, type NoticeEntry } from './outbox-entry.ts';

/** Our own statuses are known by it, and webhooks about them are left out. */
const OUR_KEY = 'nightshift-';
const KEY_DIGITS = 24;
const LONGEST_DESCRIPTION = 250;

export async function deliverNotice(context: DeliveryContext, entry: NoticeEntry): Promise<NoticeEntry> {
  const { ci, store } = context.ports;
  const { place, repository, body, sentence } = entry.notice;
  if (ci === undefined) {
    throw new ConfigurationError('A notice about a build waits in the outbox and no CI system is configured.', {
      remedy: 'Set ci.bitbucket in the policy, and BITBUCKET_ACCESS_TOKEN.',
    });
  }
  if (place.kind === 'pull-request') {
    const { blocks } = await messageNow(store, entry.id, { title: '', blocks: body });
    const comment = { repository, pullRequest: place.pullRequest, marker: entry.id, body: blocks };
    const { url } = await attempt(context, entry, 'post', () => ci.comment(comment));
    return { ...accounted(entry), state: 'delivered', ...(url === null ? {} : { url }) };
  }
  const action = (await store.read<ActionRecord>('actions', entry.action))?.data;
  const became = actionLine(action)
    .map((span) => span.text)
    .join('')
    .trim();
  const status: CiBuildStatus = {
    repository,
    commit: place.commit,
    key: `${OUR_KEY}${entry.action.slice(0, KEY_DIGITS)}`,
    state: stateOf(action),
    name: place.name,
    description: `${became} ${sentence}`.trim().slice(0, LONGEST_DESCRIPTION),
    url: addressOf(action) ?? place.url,
  };
  await attempt(context, entry, 'post', () => ci.buildStatus(status));
  return { ...accounted(entry), state: 'delivered', url: status.url };
}

function stateOf(action: ActionRecord | undefined): CiBuildStatus['state'] {
  switch (action?.state) {
    case 'waiting':
    case 'intended':
    case 'applied':
      return 'running';
    case 'settled':
      return action.judged?.succeeded === true ? 'successful' : 'failed';
    case 'unknown':
    case 'failed':
    case 'stale':
    case 'undone':
    case 'declined':
    case 'expired':
    // Retention took it away, or it never was one: what is told is a finding.
    case undefined:
      return 'stopped';
  }
}

function addressOf(action: ActionRecord | undefined): string | undefined {
  const url = action?.judged?.evidence['url'];
  return typeof url === 'string'
    ? url
    : actionLine(action).flatMap((span) => ('url' in span ? (span.url ?? []) : []))[0];
}

// What is changed in Bitbucket: pipelines started and stopped, comments, build statuses. A start is never sent twice.
import { z } from 'zod';
import { CallerError, PlatformError } from '../../core/errors.ts';
import type { Ci, CiBuildStatus, CiComment } from '../../ports/ci.ts';
import { frozen, targetBody } from './facts.ts';
import { markdown, markerText } from './markdown.ts';
import { CommentReply, COMMENTS_FIELDS } from './replies.ts';
import { pipelineUrl, repositoryPath, type Site } from './site.ts';

const StartedReply = z.lazy(() => z.looseObject({ uuid: z.string(), build_number: z.int() }));
/** Newest first: ours is among the last, and a pull request with more comments is searched no further. */
const MOST_COMMENTS = 500;
/** Bitbucket's own limit for the key of a build status. */
const MOST_KEY_CHARACTERS = 40;

const STATES = { running: 'INPROGRESS', successful: 'SUCCESSFUL', failed: 'FAILED', stopped: 'STOPPED' } as const;

export async function startPipeline(
  site: Site,
  { repository, target, variables }: Parameters<Ci['start']>[0],
): ReturnType<Ci['start']> {
  const body = targetBody(target);
  const secured = variables.filter(({ value }) => value === null);
  if (body === undefined || secured.length > 0) {
    throw new CallerError(
      body === undefined
        ? `A pipeline on a target of type "${target.kind === 'unknown' ? target.type : target.kind}" cannot be started again.`
        : `The variables ${secured.map(({ key }) => key).join(', ')} are secured: their values cannot be sent again.`,
      { field: body === undefined ? 'target' : 'variables', remedy: 'Start it by hand in Bitbucket.' },
    );
  }
  const started = await site.client.write({
    operation: 'start pipeline',
    target: `${describeTarget(target)} of ${repository}`,
    path: repositoryPath(site, repository, 'pipelines'),
    method: 'POST',
    body: {
      target: body,
      ...(variables.length === 0 ? {} : { variables: variables.map(({ key, value }) => ({ key, value })) }),
    },
    priority: 'urgent',
    scope: 'pipeline:write',
    remedy: 'Check that the branch, the commit and the definition in the pipeline file are still there.',
    retry: 'never',
    reply: StartedReply,
  });
  return frozen({
    uuid: started.uuid,
    buildNumber: started.build_number,
    url: pipelineUrl(site, repository, started.build_number),
  });
}

function describeTarget(target: Parameters<Ci['start']>[0]['target']): string {
  const at = target.commit === null ? '' : ` at ${target.commit.slice(0, 12)}`;
  switch (target.kind) {
    case 'branch':
    case 'tag':
      return `${target.kind} ${target.name}${at}`;
    case 'pull-request':
      return `pull request ${String(target.pullRequest)}${at}`;
    case 'commit':
    case 'unknown':
      return `commit${at}`;
  }
}

/**
 * Stopping what has stopped is a refusal of Bitbucket's and no failure of ours. Not sent again here: after a lost reply the refusal of
 * a second request would look as if somebody else had stopped it.
 */
export async function stopPipeline(
  site: Site,
  { repository, pipeline }: Parameters<Ci['stop']>[0],
): ReturnType<Ci['stop']> {
  try {
    await site.client.write({
      operation: 'stop pipeline',
      target: `pipeline ${pipeline} in ${repository}`,
      path: repositoryPath(site, repository, 'pipelines', pipeline, 'stopPipeline'),
      method: 'POST',
      priority: 'urgent',
      scope: 'pipeline:write',
      retry: 'never',
      reply: z.unknown(),
    });
    return true;
  } catch (error) {
    if (error instanceof PlatformError && error.failure.status === 400) {
      return false;
    }
    throw error;
  }
}

export async function findComment(
  site: Site,
  { repository, pullRequest, marker }: Parameters<Ci['findComment']>[0],
): Promise<CiComment | undefined> {
  const { items } = await site.client.list(
    {
      operation: 'list comments',
      target: `pull request ${String(pullRequest)} of ${repository}`,
      path: repositoryPath(site, repository, 'pullrequests', pullRequest, 'comments'),
      query: { sort: '-created_on', pagelen: '50', fields: COMMENTS_FIELDS },
      priority: 'best-effort',
      scope: 'pullrequest',
      reply: CommentReply,
    },
    MOST_COMMENTS,
  );
  // Of two, which a lost reply can leave, the older is the one that is kept up to date.
  const ours = items
    .filter(({ deleted, content }) => deleted !== true && content?.raw?.trimEnd().endsWith(markerText(marker)) === true)
    .sort((a, b) => a.id - b.id)[0];
  return ours === undefined ? undefined : commentOf(ours);
}

export async function comment(site: Site, request: Parameters<Ci['comment']>[0]): ReturnType<Ci['comment']> {
  const { repository, pullRequest, marker, body } = request;
  const there = await findComment(site, request);
  const written = await site.client.write({
    operation: there === undefined ? 'add comment' : 'update comment',
    target: `pull request ${String(pullRequest)} of ${repository}`,
    path: repositoryPath(
      site,
      repository,
      'pullrequests',
      pullRequest,
      'comments',
      ...(there === undefined ? [] : [there.id]),
    ),
    method: there === undefined ? 'POST' : 'PUT',
    body: { content: { raw: markdown(body, marker) } },
    priority: 'best-effort',
    scope: 'pullrequest',
    remedy: 'Check that the pull request is still there.',
    retry: there === undefined ? 'never' : 'safe',
    reply: CommentReply,
  });
  return commentOf(written);
}

function commentOf({ id, links }: z.infer<typeof CommentReply>): CiComment {
  return Object.freeze({ id: String(id), url: links?.html?.href ?? null });
}

/** Plain text there, and often handed on to where it is none: to a chat by Bitbucket's own app, to pages of others. */
function plain(text: string): string {
  return text
    .replaceAll('<', '‹')
    .replaceAll('>', '›')
    .replaceAll(/@(?=\S)/g, '@ ');
}

/** A status of the same key takes the place of the one before, so a second request does no harm. */
export async function buildStatus(site: Site, status: CiBuildStatus): Promise<void> {
  const { repository, commit, key, state, name, description, url } = status;
  if (key.length === 0 || key.length > MOST_KEY_CHARACTERS) {
    throw new CallerError(`The key of a build status has 1 to ${String(MOST_KEY_CHARACTERS)} characters.`, {
      field: 'key',
      remedy: 'Shorten it, e.g. to a hash.',
    });
  }
  await site.client.write({
    operation: 'write build status',
    target: `commit ${commit.slice(0, 12)} of ${repository}`,
    path: repositoryPath(site, repository, 'commit', commit, 'statuses', 'build'),
    method: 'POST',
    body: { key, state: STATES[state], name: plain(name), description: plain(description), url },
    priority: 'best-effort',
    scope: 'repository:write',
    remedy: 'Check that the commit is still there.',
    retry: 'safe',
    reply: z.unknown(),
  });
}

// Bitbucket Cloud as the port `ci`: which request answers what. Shapes are in replies.ts and facts.ts, transport in client.ts.
import { z } from 'zod';
import { matchesPattern } from '../../core/pattern.ts';
import type { Ci, CiPipeline, CiRepository } from '../../ports/ci.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Store } from '../../ports/store.ts';
import { requestAllowance, type Allowance } from './allowance.ts';
import { changedFiles, commitsBetween, pipelineFile, testReport } from './change-reads.ts';
import { bitbucketClient, path } from './client.ts';
import { frozen, isoTime, personOf, pipelineOf, sameSelector, stepOf } from './facts.ts';
import { readLogTail } from './log.ts';
import { listPipelines } from './pipeline-list.ts';
import * as replies from './replies.ts';
import { pipelineUrl, repositoryPath, unlessMissing, type Site } from './site.ts';
import { buildStatus, comment, findComment, startPipeline, stopPipeline } from './writes.ts';

export interface BitbucketOptions {
  /** https://api.bitbucket.org/2.0 */
  readonly apiUrl: string;
  readonly workspace: string;
  /** Patterns of slugs; all when empty. */
  readonly repositories: readonly string[];
  /** Access token of the workspace or of a repository. */
  readonly token: string;
  readonly requestsPerHour: number;
  readonly urgentShare: number;
  /** Unique among the instances that share the store. */
  readonly instance: string;
  readonly store: Store;
  /** For one call with its retries; 30 when absent. */
  readonly deadlineSeconds?: number;
  readonly clock: Clock;
  readonly random: () => number;
}

const DEFAULT_DEADLINE_SECONDS = 30;
/** More than any workspace that one team watches; 50 pages. */
const MOST_REPOSITORIES = 5000;
/** Bitbucket allows at most 100 steps in a pipeline, parallel ones included; ten times that is no pipeline. */
const MOST_STEPS = 1000;
/** Runs of one commit and selector: as many as that were started by hand in an hour have another problem. */
const MOST_RUNS = 500;

export function bitbucketCi(options: BitbucketOptions): Ci {
  const allowance = requestAllowance(options);
  const client = bitbucketClient({
    ...options,
    allowance,
    deadlineSeconds: options.deadlineSeconds ?? DEFAULT_DEADLINE_SECONDS,
  });
  const site = { client, workspace: options.workspace, web: webAddress(options.apiUrl, options.workspace) };
  return ciOf({ ...site, priority: 'background' }, options.repositories, allowance);
}

function ciOf(site: Site, patterns: readonly string[], allowance: Allowance): Ci {
  return {
    prioritised: (priority) => ciOf({ ...site, priority }, patterns, allowance),
    remaining: () => allowance.remaining(),
    repositories: () => repositories(site, patterns),
    pipelines: (query) => listPipelines(site, query),
    pipeline: ({ repository, pipeline }) => readPipeline(site, repository, pipeline),
    steps: (request) => steps(site, request),
    logTail: ({ repository, pipeline, step, bytes }) =>
      readLogTail(
        site.client,
        {
          operation: 'read step log',
          target: `step ${step} of pipeline ${pipeline} in ${repository}`,
          path: repositoryPath(site, repository, 'pipelines', pipeline, 'steps', step, 'log'),
          priority: site.priority,
          scope: 'pipeline',
        },
        bytes,
      ),
    testReport: (request) => testReport(site, request),
    branchHead: (request) => branchHead(site, request),
    pullRequest: (request) => pullRequest(site, request),
    changedFiles: (request) => changedFiles(site, request),
    commitsBetween: (request) => commitsBetween(site, request),
    pipelineFile: (request) => pipelineFile(site, request),
    pipelinesFor: (request) => pipelinesFor(site, request),
    start: (request) => startPipeline(site, request),
    stop: (request) => stopPipeline(site, request),
    findComment: (request) => findComment(site, request),
    comment: (request) => comment(site, request),
    buildStatus: (status) => buildStatus(site, status),
    identity: () => identity(site),
  };
}

/** Bitbucket's own pages; a proxy of the API is none of them. */
function webAddress(apiUrl: string, workspace: string): string {
  const host = URL.parse(apiUrl)?.hostname.replace(/^api\./, '') ?? 'bitbucket.org';
  const origin = host.endsWith('bitbucket.org') ? `https://${host}` : 'https://bitbucket.org';
  return `${origin}/${encodeURIComponent(workspace)}`;
}

async function repositories(site: Site, patterns: readonly string[]): Promise<readonly CiRepository[]> {
  const { items } = await site.client.list(
    {
      operation: 'list repositories',
      target: `workspace ${site.workspace}`,
      path: path('repositories', site.workspace),
      query: { sort: '-updated_on', pagelen: '100', fields: replies.REPOSITORIES_FIELDS },
      priority: site.priority,
      scope: 'repository',
      remedy: 'Check the workspace under ci.bitbucket in the policy.',
      reply: replies.RepositoryReply,
    },
    MOST_REPOSITORIES,
  );
  const all = items.flatMap((reply): CiRepository[] => {
    const slug = reply.slug ?? reply.full_name?.split('/')[1];
    return slug === undefined
      ? []
      : [{ slug, uuid: reply.uuid, mainBranch: reply.mainbranch?.name ?? null, updatedAt: isoTime(reply.updated_on) }];
  });
  return frozen(
    all.filter(({ slug }) => patterns.length === 0 || patterns.some((pattern) => matchesPattern(pattern, slug))),
  );
}

async function readPipeline(
  site: Site,
  repository: string,
  pipeline: string | number,
): Promise<CiPipeline | undefined> {
  return unlessMissing(async () => {
    const { data } = await site.client.get({
      operation: 'read pipeline',
      target: `pipeline ${String(pipeline)} in ${repository}`,
      path: repositoryPath(site, repository, 'pipelines', pipeline),
      query: { fields: replies.PIPELINE_FIELDS },
      priority: site.priority,
      scope: 'pipeline',
      reply: replies.PipelineReply,
    });
    return pipelineOf(data, repository, pipelineUrl(site, repository, data.build_number));
  });
}

async function steps(site: Site, { repository, pipeline }: Parameters<Ci['steps']>[0]): ReturnType<Ci['steps']> {
  const { items } = await site.client.list(
    {
      operation: 'list steps',
      target: `pipeline ${pipeline} in ${repository}`,
      path: repositoryPath(site, repository, 'pipelines', pipeline, 'steps'),
      query: { pagelen: '100' },
      priority: site.priority,
      scope: 'pipeline',
      reply: replies.StepReply,
    },
    MOST_STEPS,
  );
  return frozen(items.map(stepOf));
}

async function branchHead(
  site: Site,
  { repository, branch }: Parameters<Ci['branchHead']>[0],
): ReturnType<Ci['branchHead']> {
  return unlessMissing(async () => {
    const { data } = await site.client.get({
      operation: 'read branch',
      target: `branch ${branch} of ${repository}`,
      path: repositoryPath(site, repository, 'refs', 'branches', branch),
      query: { fields: 'target.hash' },
      priority: site.priority,
      scope: 'repository',
      reply: replies.BranchReply,
    });
    return data.target.hash;
  });
}

const PULL_REQUEST_STATES = { OPEN: 'open', MERGED: 'merged', DECLINED: 'declined', SUPERSEDED: 'superseded' } as const;

async function pullRequest(
  site: Site,
  { repository, id }: Parameters<Ci['pullRequest']>[0],
): ReturnType<Ci['pullRequest']> {
  return unlessMissing(async () => {
    const { data } = await site.client.get({
      operation: 'read pull request',
      target: `pull request ${String(id)} of ${repository}`,
      path: repositoryPath(site, repository, 'pullrequests', id),
      query: { fields: replies.PULL_REQUEST_FIELDS },
      priority: site.priority,
      scope: 'pullrequest',
      reply: replies.PullRequestReply,
    });
    const state = data.state ?? '';
    return frozen({
      id: data.id,
      state: Object.hasOwn(PULL_REQUEST_STATES, state)
        ? PULL_REQUEST_STATES[state as keyof typeof PULL_REQUEST_STATES]
        : 'unknown',
      title: data.title ?? '',
      author: personOf(data.author),
      source: data.source?.branch?.name ?? null,
      destination: data.destination?.branch?.name ?? null,
      headCommit: data.source?.commit?.hash ?? null,
      url: data.links?.html?.href ?? `${site.web}/${encodeURIComponent(repository)}/pull-requests/${String(id)}`,
    });
  });
}

/** The list's filter by commit is not described; what it gives is checked, so that a server that ignores it does no harm. */
async function pipelinesFor(
  site: Site,
  { repository, commit, selector, since }: Parameters<Ci['pipelinesFor']>[0],
): ReturnType<Ci['pipelinesFor']> {
  const found: CiPipeline[] = [];
  let cursor: string | undefined;
  for (let seen = 0; seen < MOST_RUNS;) {
    const page = await listPipelines(site, {
      repository,
      since,
      commit,
      ...(cursor === undefined ? {} : { cursor }),
    });
    seen += Math.max(1, page.items.length);
    found.push(
      ...page.items.filter(({ target }) => target.commit === commit && sameSelector(target.selector, selector)),
    );
    if (page.next === null) {
      break;
    }
    cursor = page.next;
  }
  return found;
}

async function identity(site: Site): ReturnType<Ci['identity']> {
  // /user answers 403 to access tokens of a workspace or repository; every reply tells the token's scopes.
  const { headers } = await site.client.get({
    operation: 'read what the token may do',
    target: `workspace ${site.workspace}`,
    path: path('repositories', site.workspace),
    query: { pagelen: '1', fields: 'values.slug' },
    priority: 'urgent',
    scope: 'repository',
    remedy: 'Check the workspace under ci.bitbucket in the policy.',
    reply: z.looseObject({}),
  });
  const scopes = (headers.get('x-oauth-scopes') ?? '').split(/[\s,]+/).filter((scope) => scope !== '');
  return frozen({
    workspace: site.workspace,
    credential: headers.get('x-credential-type') ?? 'access token',
    scopes: [...new Set(scopes)].sort(),
  });
}

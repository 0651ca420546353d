// The list of a repository's pipelines, newest first, which stops where the asked time is passed.
import type { CiPage, CiPipeline, CiPipelineQuery, CiStatus } from '../../ports/ci.ts';
import { frozen, pipelineOf } from './facts.ts';
import { PipelineReply, PIPELINES_FIELDS } from './replies.ts';
import { pipelineUrl, repositoryPath, type Site } from './site.ts';

/** The list's own words for states, which differ from those in its replies. */
const STATUSES: Readonly<Record<CiStatus, readonly string[]>> = {
  pending: ['PARSING', 'PENDING'],
  running: ['BUILDING'],
  paused: ['PAUSED', 'HALTED'],
  successful: ['PASSED'],
  failed: ['FAILED'],
  error: ['ERROR'],
  stopped: ['STOPPED'],
};

export interface PipelineListQuery extends CiPipelineQuery {
  readonly commit?: string;
}

/** Equal times are kept whole: the page ends at the first one that is older. */
export async function listPipelines(site: Site, query: PipelineListQuery): Promise<CiPage<CiPipeline>> {
  const { repository, since, statuses = [], commit, cursor, pageSize = 100 } = query;
  const status = statuses.flatMap((one) => STATUSES[one]);
  const page = await site.client.page(
    {
      operation: 'list pipelines',
      target: `repository ${repository}`,
      path: repositoryPath(site, repository, 'pipelines'),
      query: {
        sort: '-created_on',
        pagelen: String(Math.max(1, Math.min(100, pageSize))),
        fields: PIPELINES_FIELDS,
        ...(status.length === 0 ? {} : { status }),
        ...(commit === undefined ? {} : { 'target.commit.hash': commit }),
      },
      priority: site.priority,
      scope: 'pipeline',
      remedy: `Check that ${repository} is a repository of the workspace and that Pipelines are on in it.`,
      reply: PipelineReply,
    },
    cursor,
  );
  const from = Date.parse(since);
  const items = page.values.map((reply) =>
    pipelineOf(reply, repository, pipelineUrl(site, repository, reply.build_number)),
  );
  const young = items.filter(({ createdAt }) => !(Date.parse(createdAt) < from));
  return frozen({ items: young, next: young.length < items.length || items.length === 0 ? null : page.next });
}

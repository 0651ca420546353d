// What a build was built from and what its tests said: changed files, commits, the pipeline file, test reports.
import { PlatformError } from '../../core/errors.ts';
import type { Ci, CiChangedFile } from '../../ports/ci.ts';
import { frozen, isoTime, personOf, testCaseOf } from './facts.ts';
import * as replies from './replies.ts';
import { repositoryPath, type Site, unlessMissing } from './site.ts';

const MAX_FILE_BYTES = 1024 * 1024;
const PIPELINE_FILE = 'bitbucket-pipelines.yml';
/** A page that is asked for failed cases alone holds nothing else; a server that ignores the filter sends all of them. */
const MOST_CASES_READ = 1000;

const CHANGES = { added: 'added', removed: 'removed', modified: 'modified', renamed: 'renamed' } as const;

export async function changedFiles(
  site: Site,
  { repository, from, to, max }: Parameters<Ci['changedFiles']>[0],
): ReturnType<Ci['changedFiles']> {
  // The other way round than git: first what has the changes, then what it is compared with.
  const spec = from === undefined ? to : `${to}..${from}`;
  const { items, isComplete } = await site.client.list(
    {
      operation: 'read changed files',
      target: `${spec} of ${repository}`,
      path: repositoryPath(site, repository, 'diffstat', spec),
      query: { pagelen: pageLength(max, 500), fields: replies.DIFFSTAT_FIELDS },
      priority: site.priority,
      scope: 'repository',
      remedy: 'Check that both commits are still there: a force push may have removed one.',
      reply: replies.DiffstatReply,
    },
    max,
  );
  const files = items.flatMap((reply): CiChangedFile[] => {
    const path = reply.new?.path ?? reply.old?.path;
    const status = reply.status ?? '';
    return path === undefined || path === null
      ? []
      : [
          {
            path,
            oldPath: reply.old?.path ?? null,
            change: Object.hasOwn(CHANGES, status) ? CHANGES[status as keyof typeof CHANGES] : 'unknown',
            linesAdded: reply.lines_added ?? 0,
            linesRemoved: reply.lines_removed ?? 0,
          },
        ];
  });
  return frozen({ items: files, isComplete });
}

export async function commitsBetween(
  site: Site,
  { repository, from, to, max }: Parameters<Ci['commitsBetween']>[0],
): ReturnType<Ci['commitsBetween']> {
  const { items, isComplete } = await site.client.list(
    {
      operation: 'list commits',
      target: `${from}..${to} of ${repository}`,
      path: repositoryPath(site, repository, 'commits'),
      query: { include: to, exclude: from, pagelen: pageLength(max, 100), fields: replies.COMMITS_FIELDS },
      priority: site.priority,
      scope: 'repository',
      remedy: 'Check that both commits are still there: a force push may have removed one.',
      reply: replies.CommitReply,
    },
    max,
  );
  const commits = items.map(({ hash, message, date, author }) => ({
    hash,
    message: message ?? '',
    author: personOf(author?.user) ?? authorOf(author?.raw),
    at: isoTime(date),
    url: `${site.web}/${encodeURIComponent(repository)}/commits/${encodeURIComponent(hash)}`,
  }));
  return frozen({ items: commits, isComplete });
}

/** The name of `Name <address>`: addresses of people are not handed on. */
function authorOf(raw: string | null | undefined): { name: string; uuid: null } | null {
  const name = raw?.replace(/<[^>]*>/g, '').trim() ?? '';
  return name === '' ? null : { name, uuid: null };
}

export async function pipelineFile(
  site: Site,
  { repository, commit }: Parameters<Ci['pipelineFile']>[0],
): ReturnType<Ci['pipelineFile']> {
  const target = `${PIPELINE_FILE} of ${repository} at ${commit}`;
  const { status, headers, bytes } = await site.client.bytes({
    operation: 'read pipeline file',
    target,
    path: repositoryPath(site, repository, 'src', commit, PIPELINE_FILE),
    priority: site.priority,
    scope: 'repository',
    keep: 'all',
    maxKeptBytes: MAX_FILE_BYTES,
    alsoFine: [404],
  });
  if (status === 404) {
    return undefined;
  }
  if ((headers.get('content-type') ?? '').startsWith('text/html')) {
    throw new PlatformError(
      { system: 'Bitbucket', operation: 'read pipeline file', target, code: 'NOT_TEXT', applied: 'no' },
      'it answered with a web page',
      { remedy: 'Check that BITBUCKET_API_URL is the address of the API and not of a login page.' },
    );
  }
  return new TextDecoder('utf-8').decode(bytes);
}

export async function testReport(
  site: Site,
  { repository, pipeline, step, maxCases }: Parameters<Ci['testReport']>[0],
): ReturnType<Ci['testReport']> {
  const base = {
    target: `step ${step} of pipeline ${pipeline} in ${repository}`,
    priority: site.priority,
    scope: 'pipeline',
  };
  const report = repositoryPath(site, repository, 'pipelines', pipeline, 'steps', step, 'test_reports');
  return unlessMissing(async () => {
    const { data } = await site.client.get({
      ...base,
      operation: 'read test report',
      path: report,
      reply: replies.TestReportReply,
    });
    const failed = data.number_of_failed_test_cases ?? 0;
    const errors = data.number_of_error_test_cases ?? 0;
    const { items } =
      failed + errors === 0
        ? { items: [] }
        : await site.client.list(
            {
              ...base,
              operation: 'list test cases',
              path: `${report}/test_cases`,
              query: { pagelen: '100', status: ['FAILED', 'ERROR'] },
              reply: replies.TestCaseReply,
            },
            MOST_CASES_READ,
          );
    return frozen({
      total: data.number_of_test_cases ?? 0,
      passed: data.number_of_successful_test_cases ?? 0,
      failed,
      errors,
      skipped: data.number_of_skipped_test_cases ?? 0,
      failedCases: items.flatMap((reply) => testCaseOf(reply) ?? []).slice(0, maxCases),
    });
  });
}

/** One more than wanted where it fits, so that a list of just that length is known to be whole without another request. */
function pageLength(max: number, most: number): string {
  return String(Math.max(1, Math.min(max + 1, most)));
}

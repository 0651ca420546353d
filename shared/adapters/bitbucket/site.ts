// What the operations of this folder share: client, workspace, addresses, and what a 404 means. No operation of its own.
import type { CiPriority } from '../../ports/ci.ts';
import { path, type BitbucketClient } from './client.ts';
import { isNotFound } from './failure.ts';

/** What the methods share; `priority` is that of reads. */
export interface Site {
  readonly client: BitbucketClient;
  readonly workspace: string;
  /** Address of the workspace for people. */
  readonly web: string;
  readonly priority: CiPriority;
}

export function repositoryPath(site: Site, repository: string, ...parts: readonly (string | number)[]): string {
  return path('repositories', site.workspace, repository, ...parts);
}

export function pipelineUrl(site: Site, repository: string, buildNumber: number): string {
  return `${site.web}/${encodeURIComponent(repository)}/pipelines/results/${String(buildNumber)}`;
}

/** `undefined` for what is not there. */
export async function unlessMissing<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (isNotFound(error)) {
      return undefined;
    }
    throw error;
  }
}

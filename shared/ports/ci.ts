// The team's builds and the repositories that they build. All times are ISO, all data frozen and plain; `null` means that the
// system did not tell. States that this version does not know become `unknown`. No code.
import type { Block } from '../core/document.ts';

/**
 * `urgent`: somebody waits for it. `background`: lists; leaves the reserved part of the request allowance alone. `best-effort`: what
 * tells or checks what is done already, and lists that may come a little later; waits before the others do when requests are short.
 */
export type CiPriority = 'urgent' | 'background' | 'best-effort';

export interface CiRepository {
  /** Stands in every address; unique in the workspace. */
  readonly slug: string;
  readonly uuid: string;
  readonly mainBranch: string | null;
  readonly updatedAt: string | null;
}

export type CiState = 'pending' | 'running' | 'paused' | 'completed' | 'unknown';

/** `not-run` is for steps alone. */
export type CiResult = 'successful' | 'failed' | 'error' | 'stopped' | 'expired' | 'not-run' | 'unknown';

/** Which definition of the pipeline file a run follows, e.g. `custom` with the pattern `nightly`. */
export interface CiSelector {
  readonly type: string;
  readonly pattern: string | null;
}

interface TargetBase {
  /** 40 hex digits as the system tells them; `null` when it does not. */
  readonly commit: string | null;
  readonly selector: CiSelector | null;
}

/** What a pipeline runs on. A target of kind `unknown` cannot be started again. */
export type CiTarget =
  | (TargetBase & { readonly kind: 'branch' | 'tag'; readonly name: string })
  | (TargetBase & { readonly kind: 'commit' })
  | (TargetBase & {
      readonly kind: 'pull-request';
      readonly pullRequest: number;
      readonly source: string;
      readonly destination: string;
      readonly destinationCommit: string | null;
    })
  | (TargetBase & { readonly kind: 'unknown'; readonly type: string });

export type CiTrigger = 'push' | 'manual' | 'schedule' | 'parent-step' | 'unknown';

export interface CiError {
  readonly key: string | null;
  readonly message: string | null;
}

export interface CiVariable {
  readonly key: string;
  /** `null` for a secured one: it cannot be read back. */
  readonly value: string | null;
  readonly secured: boolean;
}

export interface CiPerson {
  readonly name: string;
  readonly uuid: string | null;
}

export interface CiPipeline {
  readonly repository: string;
  readonly uuid: string;
  readonly buildNumber: number;
  /** For people. */
  readonly url: string;
  readonly state: CiState;
  /** `null` until it is completed. */
  readonly result: CiResult | null;
  /** The system's reason for the result `error`. */
  readonly error: CiError | null;
  readonly target: CiTarget;
  readonly trigger: CiTrigger;
  readonly createdAt: string;
  readonly completedAt: string | null;
  /** From creation to completion, waiting included. */
  readonly durationSeconds: number | null;
  /** What is billed: the sum over the steps. */
  readonly buildSecondsUsed: number | null;
  readonly creator: CiPerson | null;
  /** `null`: the system did not tell whether there were any. */
  readonly variables: readonly CiVariable[] | null;
}

export interface CiStep {
  readonly uuid: string;
  readonly name: string | null;
  readonly state: CiState;
  readonly result: CiResult | null;
  readonly error: CiError | null;
  readonly startedAt: string | null;
  readonly completedAt: string | null;
  readonly durationSeconds: number | null;
  readonly buildSecondsUsed: number | null;
  /** A person starts it; `null` when the system did not tell how it starts. */
  readonly isManual: boolean | null;
  /** Name or id of the environment that it deploys to; `null` when the system names none. */
  readonly deployment: string | null;
  readonly maxMinutes: number | null;
  /** Over 1 when this step was run again within its pipeline, by a person or by its own retry; `null` when not told. */
  readonly runNumber: number | null;
}

/** The status filter of the list. */
export type CiStatus = 'pending' | 'running' | 'paused' | 'successful' | 'failed' | 'error' | 'stopped';

export interface CiPipelineQuery {
  readonly repository: string;
  /** Created at or after; the list stops there. */
  readonly since: string;
  /** Any of them; all when absent. */
  readonly statuses?: readonly CiStatus[];
  /** `next` of the page before. */
  readonly cursor?: string;
  /** At most 100, which is also the default. */
  readonly pageSize?: number;
}

export interface CiPage<T> {
  readonly items: readonly T[];
  /** `null`: nothing more since the asked time. */
  readonly next: string | null;
}

/** The end of a step's log. */
export interface CiLogTail {
  /** As the server sent them, in whatever encoding the build wrote; possibly beginning within a character. Not frozen. */
  readonly bytes: Uint8Array;
  readonly totalBytes: number;
  /** Whether `bytes` is the whole log. */
  readonly isComplete: boolean;
}

export interface CiTestCase {
  readonly name: string;
  /** Class, package or file; `null` when there is none. */
  readonly group: string | null;
  readonly result: 'failed' | 'error';
  readonly durationSeconds: number | null;
  readonly message: string | null;
}

export interface CiTestReport {
  readonly total: number;
  readonly passed: number;
  readonly failed: number;
  readonly errors: number;
  readonly skipped: number;
  /** Failed and erroneous cases, at most the asked number. */
  readonly failedCases: readonly CiTestCase[];
}

export interface CiPullRequest {
  readonly id: number;
  readonly state: 'open' | 'merged' | 'declined' | 'superseded' | 'unknown';
  readonly title: string;
  readonly author: CiPerson | null;
  readonly source: string | null;
  readonly destination: string | null;
  /** Possibly shorter than 40 digits. */
  readonly headCommit: string | null;
  readonly url: string;
}

export interface CiChangedFile {
  /** The new name, or the old one of a removed file. */
  readonly path: string;
  readonly oldPath: string | null;
  readonly change: 'added' | 'removed' | 'modified' | 'renamed' | 'unknown';
  readonly linesAdded: number;
  readonly linesRemoved: number;
}

export interface CiCommit {
  readonly hash: string;
  readonly message: string;
  readonly author: CiPerson | null;
  readonly at: string | null;
  readonly url: string;
}

/** A list that ends at a cap says so. */
export interface CiCapped<T> {
  readonly items: readonly T[];
  readonly isComplete: boolean;
}

export interface CiStarted {
  readonly uuid: string;
  readonly buildNumber: number;
  readonly url: string;
}

export interface CiComment {
  readonly id: string;
  readonly url: string | null;
}

export interface CiBuildStatus {
  readonly repository: string;
  readonly commit: string;
  /** One status a key and commit: a second one takes the place of the first. At most 40 characters. */
  readonly key: string;
  readonly state: 'running' | 'successful' | 'failed' | 'stopped';
  readonly name: string;
  readonly description: string;
  readonly url: string;
}

/** What is left of the hour's requests, over all instances. */
export interface CiAllowance {
  readonly urgent: number;
  readonly background: number;
  /** When the next requests are free again, where nothing is left for background work. */
  readonly nextAt: string | null;
}

export interface Ci {
  /** The same system, with reads of that priority. Reads are `background` by default; starts and stops are always urgent, comments and statuses best effort. */
  prioritised(priority: CiPriority): Ci;
  /** Costs no request. */
  remaining(): Promise<CiAllowance>;

  /** Those that the policy watches, the one that changed last first. */
  repositories(): Promise<readonly CiRepository[]>;
  /** Newest first. */
  pipelines(query: CiPipelineQuery): Promise<CiPage<CiPipeline>>;
  /** By uuid or build number; `undefined` when there is none. */
  pipeline(request: { repository: string; pipeline: string | number }): Promise<CiPipeline | undefined>;
  steps(request: { repository: string; pipeline: string }): Promise<readonly CiStep[]>;
  /** At most `bytes` of the end; `undefined` when there is no log. */
  logTail(request: {
    repository: string;
    pipeline: string;
    step: string;
    bytes: number;
  }): Promise<CiLogTail | undefined>;
  /** `undefined` when the step reported no tests. */
  testReport(request: {
    repository: string;
    pipeline: string;
    step: string;
    maxCases: number;
  }): Promise<CiTestReport | undefined>;
  /** The commit that a branch points to; `undefined` when the branch is gone. */
  branchHead(request: { repository: string; branch: string }): Promise<string | undefined>;
  pullRequest(request: { repository: string; id: number }): Promise<CiPullRequest | undefined>;
  /** What changed from `from` (its first parent when absent) to `to`. */
  changedFiles(request: {
    repository: string;
    from?: string;
    to: string;
    max: number;
  }): Promise<CiCapped<CiChangedFile>>;
  /** Commits that `to` has and `from` has not, newest first. */
  commitsBetween(request: { repository: string; from: string; to: string; max: number }): Promise<CiCapped<CiCommit>>;
  /** The text of the pipeline file at a commit; `undefined` when there is none. Fails when it is longer than 1 MiB. */
  pipelineFile(request: { repository: string; commit: string }): Promise<string | undefined>;
  /** Those of a commit and selector created at or after `since`, newest first: what a lost reply of `start` is looked up by. */
  pipelinesFor(request: {
    repository: string;
    commit: string;
    selector: CiSelector | null;
    since: string;
  }): Promise<readonly CiPipeline[]>;

  /** Runs all steps anew. Never sent twice; a failure tells by `applied` whether it may have started. */
  start(request: { repository: string; target: CiTarget; variables: readonly CiVariable[] }): Promise<CiStarted>;
  /** Also for one that has ended: that is `false`. */
  stop(request: { repository: string; pipeline: string }): Promise<boolean>;
  /** Our comment with that marker. */
  findComment(request: { repository: string; pullRequest: number; marker: string }): Promise<CiComment | undefined>;
  /** Adds the comment, or changes the one that carries the marker. */
  comment(request: {
    repository: string;
    pullRequest: number;
    marker: string;
    body: readonly Block[];
  }): Promise<CiComment>;
  /** Repeatable: the key decides. */
  buildStatus(status: CiBuildStatus): Promise<void>;
  /** Checks the credentials; `scopes` is empty when the system does not tell them. */
  identity(): Promise<{ readonly workspace: string; readonly credential: string; readonly scopes: readonly string[] }>;
}

/** A build that changed, as a webhook tells it. */
export interface CiEvent {
  /** Slug. */
  readonly repository: string;
  readonly commit: string;
  readonly buildNumber: number;
  readonly state: 'running' | 'successful' | 'failed' | 'stopped' | 'unknown';
  /** The system's key of the status. */
  readonly key: string;
}

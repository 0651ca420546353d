// The part of Bitbucket's replies that is used, as zod schemas, and the `fields` projections that ask for no more.
// Members that may be absent are: a state, a target or a trigger that is new must not break the list that it stands in.
import { z } from 'zod';

const text = z.string();
const time = z.string().nullish();
const named = z.lazy(() => z.looseObject({ name: text.nullish(), type: text.nullish() }));
const person = z.lazy(() =>
  z.looseObject({ display_name: text.nullish(), nickname: text.nullish(), uuid: text.nullish() }).nullish(),
);
const link = z.lazy(() => z.looseObject({ href: text }).nullish());
const commit = z.lazy(() => z.looseObject({ hash: text.nullish() }).nullish());
const failure = z.lazy(() => z.looseObject({ key: text.nullish(), message: text.nullish() }).nullish());

export const StateReply = z.lazy(() =>
  z.looseObject({
    name: text.nullish(),
    type: text.nullish(),
    stage: named.nullish(),
    result: z.looseObject({ name: text.nullish(), type: text.nullish(), error: failure }).nullish(),
  }),
);
export type StateReply = z.infer<typeof StateReply>;

export const TargetReply = z.lazy(() =>
  z.looseObject({
    type: text.nullish(),
    ref_type: text.nullish(),
    ref_name: text.nullish(),
    commit,
    selector: z.looseObject({ type: text.nullish(), pattern: text.nullish() }).nullish(),
    source: text.nullish(),
    destination: text.nullish(),
    destination_commit: commit,
    pullrequest: z.looseObject({ id: z.union([z.int(), text]).nullish() }).nullish(),
  }),
);
export type TargetReply = z.infer<typeof TargetReply>;

export const PipelineReply = z.lazy(() =>
  z.looseObject({
    uuid: text,
    build_number: z.int(),
    state: StateReply.nullish(),
    target: TargetReply.nullish(),
    trigger: named.nullish(),
    creator: person,
    created_on: text,
    completed_on: time,
    duration_in_seconds: z.number().nullish(),
    build_seconds_used: z.number().nullish(),
    variables: z.array(z.looseObject({ key: text, value: text.nullish(), secured: z.boolean().nullish() })).nullish(),
  }),
);
export type PipelineReply = z.infer<typeof PipelineReply>;

const PIPELINE_MEMBERS = [
  'uuid',
  'build_number',
  'state',
  'trigger.name',
  'trigger.type',
  'creator.display_name',
  'creator.nickname',
  'creator.uuid',
  'created_on',
  'completed_on',
  'duration_in_seconds',
  'build_seconds_used',
  'variables',
  'target.type',
  'target.ref_type',
  'target.ref_name',
  'target.selector',
  'target.commit.hash',
  'target.source',
  'target.destination',
  'target.destination_commit.hash',
  'target.pullrequest.id',
];
export const PIPELINE_FIELDS = PIPELINE_MEMBERS.join(',');
export const PIPELINES_FIELDS = pageFields(PIPELINE_MEMBERS);

export const StepReply = z.lazy(() =>
  z.looseObject({
    uuid: text,
    name: text.nullish(),
    state: StateReply.nullish(),
    started_on: time,
    completed_on: time,
    duration_in_seconds: z.number().nullish(),
    build_seconds_used: z.number().nullish(),
    trigger: named.nullish(),
    environment: z.looseObject({ name: text.nullish(), uuid: text.nullish() }).nullish(),
    deployment_environment: text.nullish(),
    maxTime: z.number().nullish(),
    max_time: z.number().nullish(),
    run_number: z.int().nullish(),
  }),
);
export type StepReply = z.infer<typeof StepReply>;

export const RepositoryReply = z.lazy(() =>
  z.looseObject({
    slug: text.nullish(),
    full_name: text.nullish(),
    uuid: text,
    updated_on: time,
    mainbranch: z.looseObject({ name: text.nullish() }).nullish(),
  }),
);
export const REPOSITORIES_FIELDS = pageFields(['slug', 'full_name', 'uuid', 'updated_on', 'mainbranch.name']);

export const BranchReply = z.lazy(() => z.looseObject({ target: z.looseObject({ hash: text }) }));

export const PullRequestReply = z.lazy(() =>
  z.looseObject({
    id: z.int(),
    state: text.nullish(),
    title: text.nullish(),
    author: person,
    source: z.looseObject({ branch: named.nullish(), commit }).nullish(),
    destination: z.looseObject({ branch: named.nullish() }).nullish(),
    links: z.looseObject({ html: link }).nullish(),
  }),
);
export const PULL_REQUEST_FIELDS =
  'id,state,title,author.display_name,author.nickname,author.uuid,source.branch.name,source.commit.hash,destination.branch.name,links.html.href';

const filePath = z.lazy(() => z.looseObject({ path: text.nullish() }).nullish());
export const DiffstatReply = z.lazy(() =>
  z.looseObject({
    status: text.nullish(),
    lines_added: z.number().nullish(),
    lines_removed: z.number().nullish(),
    old: filePath,
    new: filePath,
  }),
);
export const DIFFSTAT_FIELDS = pageFields(['status', 'lines_added', 'lines_removed', 'old.path', 'new.path']);

export const CommitReply = z.lazy(() =>
  z.looseObject({
    hash: text,
    message: text.nullish(),
    date: time,
    author: z.looseObject({ raw: text.nullish(), user: person }).nullish(),
  }),
);
export const COMMITS_FIELDS = pageFields([
  'hash',
  'message',
  'date',
  'author.raw',
  'author.user.display_name',
  'author.user.nickname',
  'author.user.uuid',
]);

export const CommentReply = z.lazy(() =>
  z.looseObject({
    id: z.int(),
    deleted: z.boolean().nullish(),
    content: z.looseObject({ raw: text.nullish() }).nullish(),
    links: z.looseObject({ html: link }).nullish(),
  }),
);
export const COMMENTS_FIELDS = pageFields(['id', 'deleted', 'content.raw', 'links.html.href']);

const count = z.number().nullish();
export const TestReportReply = z.lazy(() =>
  z.looseObject({
    number_of_test_cases: count,
    number_of_successful_test_cases: count,
    number_of_failed_test_cases: count,
    number_of_error_test_cases: count,
    number_of_skipped_test_cases: count,
  }),
);

export const TestCaseReply = z.lazy(() =>
  z.looseObject({
    name: text.nullish(),
    fully_qualified_name: text.nullish(),
    package_name: text.nullish(),
    class_name: text.nullish(),
    status: text.nullish(),
    duration: z.union([text, z.number()]).nullish(),
    reason: z.looseObject({ message: text.nullish() }).nullish(),
  }),
);
export type TestCaseReply = z.infer<typeof TestCaseReply>;

export const PersonReply = person;
export type PersonReply = z.infer<typeof PersonReply>;

/** A projection of a list needs its `next` named too. */
function pageFields(members: readonly string[]): string {
  return ['next', ...members.map((member) => `values.${member}`)].join(',');
}

// The team's issue tracker on Jira Cloud: issues found again by their fingerprint, comments by their marker.
// It decides nothing about what becomes an issue.
import { z } from 'zod';
import { type Block, paragraph, type Span } from '../../core/document.ts';
import { BugError, PlatformError } from '../../core/errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Issue, IssueDraft, Tracker } from '../../ports/tracker.ts';
import { adfDocument, adfText, oneLine, referenceText } from './adf.ts';
import { isNotFound, jiraClient, type JiraClient } from './client.ts';

export interface JiraTrackerOptions {
  /** https://<site>.atlassian.net */
  readonly url: string;
  readonly email: string;
  readonly token: string;
  /** For each attempt of a call; 10 when absent. */
  readonly deadlineSeconds?: number;
  readonly clock: Clock;
  readonly random: () => number;
}

const DEFAULT_DEADLINE_SECONDS = 10;
const OUR_LABEL = 'nightshift';
const MOST_LABEL_CHARACTERS = 255;
const MOST_SUMMARY_CHARACTERS = 255;
const ISSUES_OF_A_PAGE = 100;
const COMMENTS_OF_A_PAGE = 100;
const MOST_PAGES = 10;

/** What `identity` asks for: all that the operations here need. */
const PERMISSIONS = ['BROWSE_PROJECTS', 'CREATE_ISSUES', 'ADD_COMMENTS', 'TRANSITION_ISSUES', 'LINK_ISSUES'];

const ISSUE_REMEDY =
  'Check that the issue still exists, and that the account may see it (permission "Browse Projects", issue security).';
const PROJECT_REMEDY =
  'Check project and issue type under tracker.jira in the policy, and that the account may see the project.';

const FIELDS = ['created', 'status'];
const IssueReply = z.lazy(() =>
  z.looseObject({
    key: z.string().min(1),
    fields: z.looseObject({
      created: z.string(),
      status: z.looseObject({ statusCategory: z.looseObject({ key: z.string() }) }),
    }),
  }),
);
const SearchReply = z.lazy(() => z.looseObject({ issues: z.array(IssueReply), nextPageToken: z.string().nullish() }));
const CreateReply = z.lazy(() => z.looseObject({ id: z.string(), key: z.string().min(1) }));
const CommentReply = z.lazy(() => z.looseObject({ id: z.string() }));
const CommentsReply = z.lazy(() =>
  z.looseObject({ total: z.number(), comments: z.array(z.looseObject({ body: z.unknown() })) }),
);
const TransitionsReply = z.lazy(() =>
  z.looseObject({
    transitions: z.array(
      z.looseObject({ id: z.string(), to: z.looseObject({ statusCategory: z.looseObject({ key: z.string() }) }) }),
    ),
  }),
);
const PermissionsReply = z.lazy(() =>
  z.looseObject({
    permissions: z.record(z.string(), z.looseObject({ havePermission: z.boolean().optional() })),
  }),
);

/** The tracker port on Jira Cloud. jira.js is loaded at the first call. */
export function jiraTracker(options: JiraTrackerOptions): Tracker {
  const client = jiraClient({ ...options, deadlineSeconds: options.deadlineSeconds ?? DEFAULT_DEADLINE_SECONDS });
  const site: Site = { client, clock: options.clock, base: options.url.replace(/\/+$/, '') };
  return {
    findOpen: (request) => findOpen(site, request),
    read: (key) => read(site, key),
    create: (draft) => create(site, draft),
    comment: (request) => comment(site, request),
    hasComment: (request) => hasComment(site, request),
    async closeAsDuplicate({ duplicate, original }) {
      await link(site, duplicate, original);
      await close(site, duplicate, original);
    },
    async identity(project) {
      const { user } = await client.confirmLogin();
      return { user, permissions: await permissionsIn(site, project) };
    },
  };
}

interface Site {
  readonly client: JiraClient;
  readonly clock: Clock;
  /** The site's address without a slash at its end. */
  readonly base: string;
}

async function findOpen(
  site: Site,
  { project, fingerprint }: { readonly project: string; readonly fingerprint: string },
): Promise<readonly Issue[]> {
  const jql =
    `project = ${quoted(project)} AND labels = ${quoted(fingerprintLabel(fingerprint))} ` +
    'AND statusCategory != Done ORDER BY created ASC, key ASC';
  const found: Issue[] = [];
  let token: string | undefined;
  for (let page = 1; page <= MOST_PAGES; page += 1) {
    const reply = await site.client.call({
      operation: 'search',
      target: `project ${project}`,
      effect: 'read',
      permission: 'Browse Projects',
      remedy: PROJECT_REMEDY,
      reply: SearchReply,
      run: (sdk, transport) =>
        sdk.searchAndReconsileIssuesUsingJqlPost(transport, {
          jql,
          fields: FIELDS,
          maxResults: ISSUES_OF_A_PAGE,
          ...(token === undefined ? {} : { nextPageToken: token }),
        }),
    });
    found.push(...reply.issues.map((issue) => issueOf(site, issue)));
    token = reply.nextPageToken ?? undefined;
    if (token === undefined) {
      break;
    }
  }
  if (found.length === 0) {
    await site.client.confirmLogin();
  }
  return found;
}

async function read(site: Site, key: string): Promise<Issue | undefined> {
  try {
    const reply = await site.client.call({
      operation: 'read issue',
      target: `issue ${key}`,
      effect: 'read',
      permission: 'Browse Projects',
      reply: IssueReply,
      run: (sdk, transport) => sdk.getIssue(transport, { issueIdOrKey: pathPart(key), fields: FIELDS }),
    });
    return issueOf(site, reply);
  } catch (error) {
    if (!isNotFound(error)) {
      throw error;
    }
    await site.client.confirmLogin();
    return undefined;
  }
}

async function create(site: Site, draft: IssueDraft): Promise<Issue> {
  const labels = [OUR_LABEL, fingerprintLabel(draft.fingerprint), ...draft.labels.map(labelOf)];
  const createdAt = site.clock.now().toISOString();
  const reply = await site.client.call({
    operation: 'create issue',
    target: `project ${draft.project}`,
    effect: 'write',
    permission: 'Create Issues',
    remedy: PROJECT_REMEDY,
    reply: CreateReply,
    run: (sdk, transport) =>
      sdk.createIssue(transport, {
        fields: {
          project: { key: draft.project },
          issuetype: { name: draft.issueType },
          summary: summaryOf(draft.title),
          description: adfDocument(draft.body),
          labels: [...new Set(labels)].filter((label) => label !== ''),
        },
      }),
  });
  // The reply has no time; a second request for it would only add a way to fail after the issue is there.
  return { key: reply.key, url: addressOf(site, reply.key), open: true, createdAt };
}

async function comment(
  site: Site,
  { key, marker, body }: { readonly key: string; readonly marker: string; readonly body: readonly Block[] },
): Promise<void> {
  await site.client.call({
    operation: 'add comment',
    target: `issue ${key}`,
    effect: 'write',
    permission: 'Add Comments',
    remedy: ISSUE_REMEDY,
    reply: CommentReply,
    run: (sdk, transport) =>
      sdk.addComment(transport, { issueIdOrKey: pathPart(key), body: adfDocument(body, marker) }),
  });
}

async function hasComment(
  site: Site,
  { key, marker }: { readonly key: string; readonly marker: string },
): Promise<boolean> {
  const wanted = referenceText(marker);
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const startAt = page * COMMENTS_OF_A_PAGE;
    const reply = await site.client.call({
      operation: 'list comments',
      target: `issue ${key}`,
      effect: 'read',
      permission: 'Browse Projects',
      remedy: ISSUE_REMEDY,
      reply: CommentsReply,
      run: (sdk, transport) =>
        sdk.getComments(transport, {
          issueIdOrKey: pathPart(key),
          orderBy: '-created',
          startAt,
          maxResults: COMMENTS_OF_A_PAGE,
        }),
    });
    if (reply.comments.some(({ body }) => adfText(body).split('\n').at(-1) === wanted)) {
      return true;
    }
    if (reply.comments.length === 0 || startAt + reply.comments.length >= reply.total) {
      return false;
    }
  }
  // A comment that may have been lost is a recent one: it is not behind a thousand newer ones.
  return false;
}

/** Jira makes a link that is there already no second time, so that a repeat does no harm. */
async function link(site: Site, duplicate: string, original: string): Promise<void> {
  await site.client.call({
    operation: 'link issues',
    target: `issue ${duplicate} to ${original}`,
    effect: 'write',
    permission: 'Link Issues',
    remedy:
      'Check that both issues exist, and that issue linking is on with a link type named "Duplicate" (Settings, Work items).',
    reply: z.unknown(),
    // "inward duplicates outward": the side that shows the type's outward words is the inward issue.
    run: (sdk, transport) =>
      sdk.linkIssues(transport, {
        type: { name: 'Duplicate' },
        inwardIssue: { key: duplicate },
        outwardIssue: { key: original },
      }),
  });
}

async function close(site: Site, duplicate: string, original: string): Promise<void> {
  const issue = await read(site, duplicate);
  if (issue?.open !== true) {
    return;
  }
  const marker = `duplicate-of-${original}`;
  if (!(await hasComment(site, { key: duplicate, marker }))) {
    await comment(site, { key: duplicate, marker, body: [paragraph(...duplicateNotice(site, original))] });
  }
  const id = await doneTransition(site, duplicate);
  await site.client.call({
    operation: 'close issue',
    target: `issue ${duplicate}`,
    effect: 'write',
    permission: 'Transition Issues',
    remedy: 'Close it by hand: its workflow refuses the transition.',
    reply: z.unknown(),
    run: (sdk, transport) => sdk.doTransition(transport, { issueIdOrKey: pathPart(duplicate), transition: { id } }),
  });
}

function duplicateNotice(site: Site, original: string): Span[] {
  return [
    { text: 'Closed as a duplicate of ' },
    { text: original, url: addressOf(site, original) },
    { text: ': the reply to its creation was lost, and this one was created in its place.' },
  ];
}

async function doneTransition(site: Site, key: string): Promise<string> {
  const reply = await site.client.call({
    operation: 'list transitions',
    target: `issue ${key}`,
    effect: 'read',
    permission: 'Transition Issues',
    remedy: ISSUE_REMEDY,
    reply: TransitionsReply,
    run: (sdk, transport) => sdk.getTransitions(transport, { issueIdOrKey: pathPart(key) }),
  });
  const done = reply.transitions.find(({ to }) => to.statusCategory.key === 'done');
  if (done === undefined) {
    throw new PlatformError(
      { system: 'Jira', operation: 'close issue', target: `issue ${key}`, code: 'NO_TRANSITION', applied: 'no' },
      'no transition leads from its status to one of the category Done',
      {
        remedy:
          'Close it by hand, and give the account the permission "Transition Issues" or the workflow such a transition.',
      },
    );
  }
  return done.id;
}

async function permissionsIn(site: Site, project: string): Promise<readonly string[]> {
  const reply = await site.client.call({
    operation: 'read our permissions',
    target: `project ${project}`,
    effect: 'read',
    permission: 'Browse Projects',
    remedy: PROJECT_REMEDY,
    reply: PermissionsReply,
    run: (sdk, transport) =>
      sdk.getMyPermissions(transport, { projectKey: project, permissions: PERMISSIONS.join(',') }),
  });
  return PERMISSIONS.filter((name) => reply.permissions[name]?.havePermission === true);
}

function issueOf(site: Site, reply: z.infer<typeof IssueReply>): Issue {
  return {
    key: reply.key,
    url: addressOf(site, reply.key),
    open: reply.fields.status.statusCategory.key !== 'done',
    createdAt: isoTime(reply.fields.created),
  };
}

/** Jira writes the offset without a colon, which is no ISO time. */
function isoTime(time: string): string {
  const milliseconds = Date.parse(time.replace(/([+-]\d\d)(\d\d)$/, '$1:$2'));
  return Number.isNaN(milliseconds) ? time : new Date(milliseconds).toISOString();
}

function addressOf(site: Site, key: string): string {
  return `${site.base}/browse/${encodeURIComponent(key)}`;
}

/** jira.js puts it into the path as it is. */
function pathPart(key: string): string {
  return encodeURIComponent(key);
}

/** A JQL string. https://support.atlassian.com/jira-software-cloud/docs/search-syntax-for-text-fields/ */
function quoted(value: string): string {
  return `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

function fingerprintLabel(fingerprint: string): string {
  if (!/^[A-Za-z0-9._-]{1,200}$/.test(fingerprint)) {
    throw new BugError(`The fingerprint "${oneLine(fingerprint)}" cannot be a label of Jira.`);
  }
  return `${OUR_LABEL}-${fingerprint}`;
}

/** Jira's labels hold no blanks. */
function labelOf(label: string): string {
  return oneLine(label).trim().replaceAll(' ', '-').slice(0, MOST_LABEL_CHARACTERS).toWellFormed();
}

function summaryOf(title: string): string {
  const line = oneLine(title).trim();
  return line.length <= MOST_SUMMARY_CHARACTERS
    ? line
    : `${line
        .slice(0, MOST_SUMMARY_CHARACTERS - 1)
        .toWellFormed()
        .replace(/\uFFFD$/, '')}…`;
}

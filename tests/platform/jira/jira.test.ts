import { afterEach, beforeEach, expect, test } from 'vitest';
import { jiraDouble } from '../../../fixtures/platform/jira/jira.ts';
import type { JiraDouble, JiraOptions } from '../../../fixtures/platform/jira/jira.ts';
import { serveDouble } from '../serve-double.ts';
import type { ServedDouble } from '../serve-double.ts';

const EMAIL = 'bot@example.com';
const TOKEN = 'right';

let jira: ServedDouble<JiraDouble>;

async function open(options: Partial<JiraOptions> = {}): Promise<void> {
  await jira?.close();
  jira = await serveDouble((clock) => jiraDouble({ clock, email: EMAIL, token: TOKEN, project: 'OPS', ...options }));
}

beforeEach(async () => {
  await open();
});

afterEach(async () => {
  await jira.close();
});

interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

async function call(method: string, path: string, body?: unknown, token = TOKEN): Promise<Reply> {
  const reply = await fetch(`${jira.url}/rest/api/3/${path}`, {
    method,
    headers: {
      authorization: `Basic ${Buffer.from(`${EMAIL}:${token}`).toString('base64')}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await reply.text();
  const isJson = reply.headers.get('content-type')?.startsWith('application/json') === true && text !== '';
  return {
    status: reply.status,
    headers: reply.headers,
    body: isJson ? (JSON.parse(text) as Reply['body']) : { text },
  };
}

function paragraph(text: string): Record<string, unknown> {
  return { type: 'paragraph', content: [{ type: 'text', text }] };
}

function adf(...content: Record<string, unknown>[]): Record<string, unknown> {
  return { type: 'doc', version: 1, content };
}

function draft(more: Record<string, unknown> = {}): Record<string, unknown> {
  return { fields: { project: { key: 'OPS' }, issuetype: { name: 'Task' }, summary: 'Something is odd', ...more } };
}

async function create(more: Record<string, unknown> = {}): Promise<string> {
  const created = await call('POST', 'issue', draft(more));
  expect(created.status).toBe(201);
  return String(created.body['key']);
}

async function search(jql: string, more: Record<string, unknown> = {}): Promise<unknown[]> {
  const found = await call('POST', 'search/jql', { jql, fields: ['status'], ...more });
  expect(found.body).toMatchObject({ issues: expect.any(Array) as unknown });
  return (found.body['issues'] as { key: string }[]).map(({ key }) => key);
}

test('creates an issue and shows it at once to a read', async () => {
  const key = await create({ labels: ['nightshift', 'fp-1'], description: adf(paragraph('It leaks.')) });
  expect(key).toBe('OPS-1');
  const read = await call('GET', 'issue/ops-1?fields=summary,labels,status,created');
  expect(read.body).toMatchObject({
    key,
    fields: {
      summary: 'Something is odd',
      labels: ['fp-1', 'nightshift'],
      status: { name: 'To Do', statusCategory: { key: 'new' } },
      created: '2026-03-04T10:00:00.000+0000',
    },
  });
  expect(Object.keys(read.body['fields'] as object)).toHaveLength(4);
  expect(jira.double.state().issues).toHaveLength(1);
  expect(jira.violations()).toEqual([]);
});

test.each<[string, Record<string, unknown>, Record<string, unknown>]>([
  [
    'a label with a space',
    { labels: ['two words'] },
    { labels: "The label 'two words' contains spaces which is invalid." },
  ],
  ['no summary', { summary: '' }, { summary: 'You must specify a summary of the issue.' }],
  [
    'a summary over 255 characters',
    { summary: 'x'.repeat(256) },
    { summary: 'Summary must be less than or equal to 255 characters.' },
  ],
  [
    'a summary of two lines',
    { summary: 'a\nb' },
    { summary: 'The summary is invalid because it contains newline characters.' },
  ],
  [
    'a description in plain text',
    { description: 'It leaks.' },
    { description: 'Operation value must be an Atlassian Document (see the Atlassian Document Format)' },
  ],
  [
    'a description that is too long',
    { description: adf(paragraph('x'.repeat(32_768))) },
    { description: 'CONTENT_LIMIT_EXCEEDED' },
  ],
  [
    'a field that is not on the screen',
    { severity: 1 },
    { severity: "Field 'severity' cannot be set. It is not on the appropriate screen, or unknown." },
  ],
  ['another project', { project: { key: 'NOPE' } }, { project: 'valid project is required' }],
  ['another issue type', { issuetype: { name: 'Disaster' } }, { issuetype: 'The issue type selected is invalid.' }],
])('refuses %s', async (_what, fields, errors) => {
  const refused = await call('POST', 'issue', draft(fields));
  expect(refused.status).toBe(400);
  expect(refused.body).toEqual({ errorMessages: [], errors });
  expect(jira.double.state().issues).toEqual([]);
});

const text = (value: string, ...types: string[]): Record<string, unknown> => ({
  type: 'text',
  text: value,
  ...(types.length === 0 ? {} : { marks: types.map((type) => ({ type })) }),
});
const cell = (type: string, value: string): Record<string, unknown> => ({
  type,
  attrs: {},
  content: [paragraph(value)],
});

test('takes the document nodes that people write', async () => {
  await create({
    description: adf(
      { type: 'heading', attrs: { level: 2 }, content: [text('Why')] },
      { type: 'bulletList', content: [{ type: 'listItem', content: [paragraph('one')] }] },
      { type: 'codeBlock', attrs: { language: 'json' }, content: [text('{\n}')] },
      { type: 'paragraph', content: [text('a', 'code'), { type: 'hardBreak' }, text('b', 'strong', 'em')] },
      {
        type: 'paragraph',
        content: [{ type: 'text', text: 'link', marks: [{ type: 'link', attrs: { href: 'https://example.com' } }] }],
      },
      {
        type: 'table',
        content: [{ type: 'tableRow', content: [cell('tableHeader', 'a'), cell('tableCell', 'b')] }],
      },
      { type: 'panel', attrs: { panelType: 'info' }, content: [paragraph('x')] },
      { type: 'rule' },
    ),
  });
  expect(jira.violations()).toEqual([]);
});

test.each<[string, Record<string, unknown>]>([
  ['a node that Jira does not know', { type: 'fancy' }],
  ['an empty text', paragraph('')],
  ['text outside a paragraph', { type: 'text', text: 'x' }],
  ['marks in a code block', { type: 'codeBlock', content: [text('x', 'strong')] }],
  ['code that is strong too', { type: 'paragraph', content: [text('x', 'code', 'strong')] }],
  ['a mark that Jira does not know', { type: 'paragraph', content: [text('x', 'loud')] }],
  ['a link to nowhere', { type: 'paragraph', content: [text('x', 'link')] }],
  ['an empty list', { type: 'bulletList', content: [] }],
  ['a list item without a paragraph', { type: 'bulletList', content: [{ type: 'listItem', content: [text('x')] }] }],
  ['a heading without a level', { type: 'heading', content: [text('x')] }],
  ['an attribute that Jira does not know', { type: 'paragraph', attrs: { colour: 'red' }, content: [text('x')] }],
])('refuses a document with %s', async (_what, node) => {
  const refused = await call('POST', 'issue', draft({ description: adf(node) }));
  expect([refused.status, refused.body]).toEqual([400, { errorMessages: ['INVALID_INPUT'], errors: {} }]);
  const key = await create();
  expect((await call('POST', `issue/${key}/comment`, { body: adf(node) })).status).toBe(400);
});

test('the search lags behind: new issues and closed ones show after searchLagSeconds', async () => {
  const key = await create({ labels: ['fp-1'] });
  const jql = 'project = OPS AND labels = "fp-1" AND statusCategory != Done';
  expect(await search(jql)).toEqual([]);
  expect(await search(jql, { reconcileIssues: [10_001] })).toEqual([key]);
  jira.clock.advance(5000);
  expect(await search(jql)).toEqual([key]);

  expect((await call('POST', `issue/${key}/transitions`, { transition: { id: '31' } })).status).toBe(204);
  expect(await search(jql)).toEqual([key]);
  jira.clock.advance(4999);
  expect(await search(jql)).toEqual([key]);
  jira.clock.advance(1);
  expect(await search(jql)).toEqual([]);
  expect(jira.violations()).toEqual([]);
});

test('a lag of its own', async () => {
  await open({ searchLagSeconds: 120 });
  await create();
  jira.clock.advance(119_000);
  expect(await search('project = OPS')).toEqual([]);
  jira.clock.advance(1000);
  expect(await search('project = OPS')).toEqual(['OPS-1']);
});

test('answers JQL: sets, text, times, brackets and order', async () => {
  await open({ searchLagSeconds: 0 });
  await create({ labels: ['a'], summary: 'Memory leak' });
  jira.clock.advance(3_600_000);
  await create({ labels: ['a', 'b'], summary: 'Disk full' });
  jira.clock.advance(60_000);
  await create({ labels: [] });
  await call('POST', 'issue/OPS-2/transitions', { transition: { id: '21' } });

  expect(await search('project = OPS ORDER BY created ASC')).toEqual(['OPS-1', 'OPS-2', 'OPS-3']);
  expect(await search('project = OPS ORDER BY created DESC')).toEqual(['OPS-3', 'OPS-2', 'OPS-1']);
  expect(await search('labels in (b, c)')).toEqual(['OPS-2']);
  expect(await search('labels not in (b)')).toEqual(['OPS-1']);
  expect(await search('labels is EMPTY')).toEqual(['OPS-3']);
  expect(await search("project = 'ops' AND (labels = b OR summary ~ leak) order by key")).toEqual(['OPS-1', 'OPS-2']);
  expect(await search('project = OPS AND NOT labels = a')).toEqual(['OPS-3']);
  expect(await search('created >= -5m ORDER BY key ASC')).toEqual(['OPS-2', 'OPS-3']);
  expect(await search('created >= "2026-03-04 11:00" ORDER BY key DESC')).toEqual(['OPS-3', 'OPS-2']);
  expect(await search('status = "In Progress"')).toEqual(['OPS-2']);
  expect(await search('resolution = Unresolved AND project = OPS AND key = OPS-1')).toEqual(['OPS-1']);
  expect(jira.violations()).toEqual([]);
});

test.each([
  ['ORDER BY created', 'Unbounded JQL queries are not allowed here. Please add a search restriction to your query.'],
  ['', 'Unbounded JQL queries are not allowed here. Please add a search restriction to your query.'],
  ['project = NOPE', "The value 'NOPE' does not exist for the field 'project'."],
  ['colour = red', "Field 'colour' does not exist or you do not have permission to view it."],
  ['project = OPS AND', 'Error in the JQL Query: Expecting a field name before the end of the query.'],
  ['(project = OPS', "Error in the JQL Query: Expecting ')' before the end of the query."],
  ['project = OPS labels = a', "Error in the JQL Query: Expecting either 'OR' or 'AND' but got 'labels'."],
  ['labels ~ a', "The operator '~' is not supported by the 'labels' field."],
])('refuses the query %j in Jira’s words', async (jql, message) => {
  const refused = await call('POST', 'search/jql', { jql });
  expect([refused.status, refused.body]).toEqual([400, { errorMessages: [message], errors: {} }]);
});

test('searches by GET too, gives ids alone by default, and pages by token', async () => {
  await open({ searchLagSeconds: 0 });
  for (let count = 0; count < 3; count += 1) {
    await create();
  }
  const first = await call('GET', `search/jql?jql=${encodeURIComponent('project = OPS ORDER BY key')}&maxResults=2`);
  expect(first.body).toMatchObject({ issues: [{ id: '10001' }, { id: '10002' }], isLast: false });
  expect(first.body['issues']).toEqual([{ id: '10001' }, { id: '10002' }]);
  const token = String(first.body['nextPageToken']);
  const last = await call('POST', 'search/jql', {
    jql: 'project = OPS ORDER BY key',
    maxResults: 2,
    nextPageToken: token,
  });
  expect(last.body).toEqual({ issues: [{ id: '10003' }], isLast: true });
  expect(jira.violations()).toEqual([]);
});

test('comments are there at once, with their properties when they are asked for', async () => {
  const key = await create();
  const properties = [{ key: 'marker', value: { id: 'm-1' } }];
  const added = await call('POST', `issue/${key}/comment`, { body: adf(paragraph('again')), properties });
  expect(added.status).toBe(201);
  const plain = await call('GET', `issue/${key}/comment`);
  expect(plain.body).toMatchObject({ total: 1, comments: [{ body: adf(paragraph('again')) }] });
  expect(JSON.stringify(plain.body)).not.toContain('marker');
  const expanded = await call('GET', `issue/${key}/comment?expand=properties&orderBy=-created`);
  expect(expanded.body).toMatchObject({ comments: [{ properties }] });
  expect((await call('POST', `issue/${key}/comment`, { body: adf() })).status).toBe(400);
  expect(jira.violations().filter((text) => text.includes('reply'))).toEqual([]);
});

test('moves an issue by its transitions, which have no screen and take no fields', async () => {
  const key = await create();
  const listed = await call('GET', `issue/${key}/transitions`);
  expect(listed.body['transitions']).toMatchObject([
    { id: '11' },
    { id: '21' },
    { id: '31', to: { statusCategory: { key: 'done' } } },
  ]);
  const withField = { transition: { id: '31' }, fields: { resolution: { name: 'Duplicate' } } };
  const refused = await call('POST', `issue/${key}/transitions`, withField);
  expect(refused.body).toMatchObject({ errors: { resolution: expect.stringContaining('cannot be set') as unknown } });
  expect((await call('POST', `issue/${key}/transitions`, { transition: { id: '99' } })).status).toBe(400);
  expect(jira.double.state().issues[0]?.status.name).toBe('To Do');

  await call('POST', `issue/${key}/transitions`, { transition: { id: '31' } });
  const read = await call('GET', `issue/${key}?fields=status,resolution`);
  expect(read.body).toMatchObject({ fields: { status: { name: 'Done' }, resolution: { name: 'Done' } } });
});

test('links issues once and shows the link from both sides', async () => {
  const original = await create();
  const duplicate = await create();
  const link = { type: { name: 'Duplicate' }, inwardIssue: { key: duplicate }, outwardIssue: { key: original } };
  expect((await call('POST', 'issueLink', link)).status).toBe(201);
  expect((await call('POST', 'issueLink', link)).status).toBe(201);
  expect(jira.double.state().links).toMatchObject([{ from: duplicate, to: original }]);
  const read = await call('GET', `issue/${duplicate}?fields=issuelinks`);
  expect(read.body).toMatchObject({
    fields: { issuelinks: [{ type: { outward: 'duplicates' }, outwardIssue: { key: original } }] },
  });
  expect((await call('POST', 'issueLink', { ...link, type: { name: 'Loves' } })).status).toBe(404);
  expect((await call('POST', 'issueLink', { ...link, outwardIssue: { key: 'OPS-99' } })).status).toBe(404);
  const types = await call('GET', 'issueLinkType');
  expect(JSON.stringify(types.body)).toContain('is duplicated by');
  expect(jira.violations()).toEqual([]);
});

test('says who it is, what it may do, and what an issue takes', async () => {
  await open({ missingPermissions: ['LINK_ISSUES'] });
  expect((await call('GET', 'myself')).body).toMatchObject({ emailAddress: EMAIL, active: true });
  const permissions = await call('GET', 'mypermissions?projectKey=OPS&permissions=CREATE_ISSUES,LINK_ISSUES');
  expect(permissions.body).toMatchObject({
    permissions: { CREATE_ISSUES: { havePermission: true }, LINK_ISSUES: { havePermission: false } },
  });
  expect((await call('GET', 'mypermissions?projectKey=OPS')).status).toBe(400);
  expect((await call('GET', 'mypermissions?projectKey=NOPE&permissions=CREATE_ISSUES')).status).toBe(404);
  const project = await call('GET', 'project/OPS');
  expect(project.body).toMatchObject({ key: 'OPS', issueTypes: [{ name: 'Task' }, {}, {}, {}, {}] });
  expect((await call('GET', 'project/NOPE')).status).toBe(404);
  expect((await call('GET', 'issue/createmeta?projectKeys=OPS')).body).toMatchObject({ projects: [{ key: 'OPS' }] });
  const types = await call('GET', 'issue/createmeta/OPS/issuetypes');
  const { id } = (types.body['issueTypes'] as { id: string }[])[0] ?? { id: '' };
  const fields = await call('GET', `issue/createmeta/OPS/issuetypes/${id}`);
  expect((fields.body['fields'] as { key: string }[]).map(({ key }) => key)).toContain('labels');
  expect(jira.violations()).toEqual([]);
});

test('hides what may not be seen and refuses what may not be done', async () => {
  await open({ missingPermissions: ['CREATE_ISSUES'] });
  expect((await call('POST', 'issue', draft())).status).toBe(403);
  expect((await call('GET', 'issue/OPS-1')).body).toEqual({
    errorMessages: ['Issue does not exist or you do not have permission to see it.'],
    errors: {},
  });
});

test('wrong credentials make the caller anonymous: a search finds nothing and answers 200', async () => {
  await open({ searchLagSeconds: 0 });
  await create();
  const found = await call('POST', 'search/jql', { jql: 'project = OPS' }, 'wrong');
  expect([found.status, found.body]).toEqual([200, { issues: [], isLast: true }]);
  expect(found.headers.get('x-seraph-loginreason')).toBe('AUTHENTICATED_FAILED');
  expect((await call('GET', 'issue/OPS-1', undefined, 'wrong')).status).toBe(404);
  const myself = await call('GET', 'myself', undefined, 'wrong');
  expect([myself.status, myself.body]).toEqual([
    401,
    { text: 'Client must be authenticated to access this resource.' },
  ]);
  expect((await call('POST', 'issue', draft(), 'wrong')).status).toBe(401);
  expect(jira.double.state().issues).toHaveLength(1);
  expect(jira.violations()).toEqual([]);
});

test('its own words for too many requests; an expired token is a wrong one', async () => {
  jira.faults.push({ system: 'jira', operation: 'create issue', kind: '429', retryAfterSeconds: 30 });
  jira.faults.push({ system: 'jira', operation: 'search', kind: 'expired-token' });
  const busy = await call('POST', 'issue', draft());
  expect([busy.status, busy.headers.get('retry-after')]).toEqual([429, '30']);
  expect(busy.body).toMatchObject({ errorMessages: ['The request has been rate-limited. Please try again later.'] });
  expect((await call('POST', 'search/jql', { jql: 'project = OPS' })).headers.get('x-seraph-loginreason')).toBe(
    'AUTHENTICATED_FAILED',
  );
  expect(jira.double.state().issues).toEqual([]);
});

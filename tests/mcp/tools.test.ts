// Our tools over the embedded platform: exact shapes, and that nothing changes but through guardrails, journal and outbox.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ActionRecord } from '../../shared/core/action.ts';
import type { JournalEntry } from '../../shared/runtime/journal.ts';
import { TOOLS, toolServer } from '../../shared/local/mcp/server.ts';
import { resultOf, toolRig, type ToolRig } from './rig.ts';

let rig: ToolRig;
afterEach(() => rig.close());

const POD = 'checkout-service';
const sizes = async (): Promise<unknown> => resultOf(await rig.as('read').call('k8s.describe', { pod: POD }));
const patches = (): number =>
  rig.running.platform.calls.filter(({ method, handledStatus }) => method === 'PATCH' && handledStatus === 200).length;
const messages = (): readonly { text: string }[] => rig.running.platform.doubles.slack.state().messages;

async function journal(): Promise<readonly JournalEntry[]> {
  const found = await rig.running.store.query<JournalEntry>('journal', {
    where: [{ field: 'at', op: '>=', value: '' }],
    orderBy: { field: 'at', direction: 'ascending' },
    limit: 100,
  });
  return found.map(({ data }) => data);
}

describe('reading', () => {
  beforeEach(async () => {
    rig = await toolRig();
  });

  test('pods, sizes and use have exactly the agreed shapes', async () => {
    const { call } = rig.as('read');
    expect(await call('k8s.list_pods', { namespace: 'default' })).toEqual({
      result: { pods: ['auth-service', 'cart-service', POD, 'recommendation-service'].map((name) => ({ name })) },
    });
    expect(await sizes()).toEqual({ cpu_request: '300m', cpu_limit: '600m', mem_request: '512Mi', mem_limit: '1Gi' });
    const use = async (pod: string, metric: string): Promise<unknown> =>
      resultOf(await call('k8s.metrics.query', { pod, metric, window: '24h' }));
    expect(await use('default/auth-service/auth', 'memory')).toEqual({ avg: 50, p95: 50 });
    expect(await use('recommendation-service', 'cpu')).toEqual({ avg: 14.99, p95: 70 });
    expect(await use(POD, 'oom_kills')).toEqual({ avg: 4, p95: 4 });
    expect(await use('auth-service', 'oom_kills')).toEqual({ avg: 0, p95: 0 });
  });

  test.each([
    [{ pod: 'nowhere/pod' }, /There is no pod/],
    [{ pod: 'a/b/c/d' }, /names no pod/],
    [{ pod: '../../api/v1/secrets' }, /names no pod/],
    [{ pod: `${POD}`, container: 'x' }, /container: is no argument of this tool/],
    [{ pod: `default/${POD}/sidecar` }, /has no container sidecar.*Its containers: checkout/],
    [{ pod: `prod:default/${POD}` }, /knows no cluster "prod"/],
    [{}, /pod: /],
  ])('%j is refused with field, reason and what to do', async (input, words) => {
    const answer = await rig.as('read').call('k8s.describe', input);
    expect('error' in answer && answer.error).toMatch(words);
  });

  test('a window without data is an error and no number', async () => {
    rig.running.platform.clock.advance(40 * 86_400_000);
    const answer = await rig.as('read').call('k8s.metrics.query', { pod: POD, metric: 'memory', window: '1h' });
    expect('error' in answer && answer.error).toMatch(/There is no data .* No data is no reason to act/);
  });

  test('the store of metrics answers PromQL as the port does', async () => {
    const { call } = rig.as('read');
    expect(resultOf(await call('metrics.query', { query: 'vector(2)' }))).toEqual({
      samples: [{ labels: {}, value: 2 }],
    });
    const from = rig.running.platform.clock.now().toISOString();
    const range = resultOf(await call('metrics.query_range', { query: 'vector(2)', from, to: from, step_seconds: 60 }));
    expect(range['series']).toHaveLength(1);
    const flood = await call('metrics.query_range', {
      query: 'vector(2)',
      from: '2020-01-01T00:00:00Z',
      to: from,
      step_seconds: 1,
    });
    expect('error' in flood && flood.error).toMatch(/more than 11000 points/);
  });

  test('a dry run, its reasons and the runs are told; nothing is changed', async () => {
    const { call } = rig.as('read');
    const report = resultOf(await call('nightshift.run_duty', { duty: 'rebalance' }));
    expect(report['summary']).toMatchObject({ pods_scanned: 4, dry_run: true });
    const real = await call('nightshift.run_duty', { duty: 'rebalance', dry_run: false });
    expect('error' in real && real.error).toMatch(/needs the grant propose or act/);
    expect([patches(), messages().length]).toEqual([0, 0]);
    await rig.running.run();
    const { runs } = resultOf(await call('nightshift.list_runs', {})) as { runs: { id: string }[] };
    expect(resultOf(await call('nightshift.show_report', { run: runs[0]?.id ?? '' }))['summary']).toMatchObject({
      pods_scanned: 4,
    });
    expect(resultOf(await call('nightshift.explain_verdict', { subject: `${POD}/checkout` }))).toMatchObject({
      verdicts: [
        { verdict: 'act', rule: 'rebalance/raise-memory-after-oom', evidence: { oomKills: 4 }, outcome: 'applied' },
      ],
    });
  });

  test('a read grant is refused every tool that writes, by name of what it needs', async () => {
    const { call } = rig.as('read');
    const writing = TOOLS.filter(({ needs }) => needs !== 'read');
    expect(writing.map(({ name }) => name).sort()).toEqual([
      'jira.create_issue',
      'k8s.update_resources',
      'nightshift.approve_action',
      'nightshift.decline_action',
      'nightshift.undo_action',
      'slack.post_message',
    ]);
    for (const { name, needs } of writing) {
      const answer = await call(name, {});
      expect('error' in answer && answer.error).toContain(`needs the grant ${needs}; mcp:test has read`);
    }
  });

  test('an unknown tool is told with the one that was meant', async () => {
    expect(await rig.as('act').call('k8s.describ', {})).toEqual({
      error: 'There is no tool "k8s.describ". Did you mean k8s.describe?',
    });
  });
});

describe('k8s.update_resources', () => {
  test('of an act grant in mode auto goes through executor and journal, is told, and can be undone', async () => {
    rig = await toolRig({ mode: 'auto' });
    const { call } = rig.as('act', 'kagent');
    expect(await call('k8s.update_resources', { pod: POD, mem_limit: '1280Mi' })).toEqual({
      result: { status: 'updated' },
    });
    expect(await sizes()).toMatchObject({ mem_limit: '1280Mi', mem_request: '512Mi' });
    expect((await journal()).map(({ state, by }) => [state, by])).toEqual([
      ['intended', 'mcp:kagent'],
      ['applied', 'mcp:kagent'],
    ]);
    const { actions } = resultOf(await call('nightshift.list_actions', { state: 'applied' })) as {
      actions: { id: string; rule: string }[];
    };
    expect(actions[0]?.rule).toBe('mcp/requested');
    expect(
      resultOf(await call('nightshift.undo_action', { action: actions[0]?.id ?? '', why: 'a try' })),
    ).toMatchObject({ outcome: 'applied' });
    expect(await sizes()).toMatchObject({ mem_limit: '1Gi' });
    await rig.running.run();
    expect(messages().map(({ text }) => text.split('\n')[0])).toContain('🔧 A change was requested: applied');
  });

  test('a repeat changes nothing more, and rebalance counts from the change on', async () => {
    rig = await toolRig({ mode: 'auto' });
    const { call } = rig.as('act');
    await call('k8s.update_resources', { pod: POD, mem_limit: '1280Mi' });
    expect(resultOf(await call('k8s.update_resources', { pod: POD, mem_limit: '1310720Ki' }))).toMatchObject({
      status: 'updated',
    });
    expect(patches()).toBe(1);
    const result = await rig.running.run();
    const of =
      result.kind === 'busy' ? undefined : result.report.decisions.find(({ subject }) => subject['pod'] === POD);
    // Its four kills were before the change: they call for nothing more.
    expect([of?.verdict, of?.evidence['oomKills']]).toEqual(['skip', 0]);
  });

  test.each([
    ['observe', 'act', /only observes/],
    ['observe', 'propose', /only observes/],
    ['approve', 'act', /waits for approval/],
    ['auto', 'propose', /waits for approval/],
  ] as const)('in mode %s with the grant %s is not applied', async (mode, grant, words) => {
    rig = await toolRig({ mode });
    const answer = resultOf(await rig.as(grant).call('k8s.update_resources', { pod: POD, mem_limit: '1280Mi' }));
    expect(answer).toEqual({ status: 'failed', reason: expect.stringMatching(words) as unknown, applied: 'no' });
    expect(patches()).toBe(0);
  });

  test('what a caller proposed waits, is told with how to approve it, and is approved by somebody else', async () => {
    rig = await toolRig({
      mode: 'auto',
      policy: { approvers: [{ namespace: 'default', callers: ['asking', 'other'] }] },
    });
    const asking = rig.as('propose', 'asking');
    await asking.call('k8s.update_resources', { pod: POD, mem_limit: '1280Mi' });
    const { actions } = resultOf(await asking.call('nightshift.list_actions', {})) as { actions: { id: string }[] };
    const action = actions[0]?.id ?? '';
    const own = await rig.as('act', 'asking').call('nightshift.approve_action', { action });
    expect('error' in own && own.error).toMatch(/who may not approve it as well/);
    expect(resultOf(await rig.as('act', 'other').call('nightshift.approve_action', { action }))).toMatchObject({
      outcome: 'applied',
    });
    expect(patches()).toBe(1);
    const stored = await rig.running.store.read<ActionRecord>('actions', action);
    expect(stored?.data.evidence).toEqual({ requestedBy: 'mcp:asking' });
  });

  test.each([
    ['nobody is named', []],
    ['another one is named', [{ callers: ['other'] }]],
    ['it is named for another namespace', [{ namespace: 'shop', callers: ['agent'] }]],
    ['a person of its name is', [{ users: ['U024BE7LH'], groups: ['S0614TZR7'] }]],
  ])('a token with the grant act decides nothing of others where %s, which is journaled', async (_, approvers) => {
    rig = await toolRig({ mode: 'approve', policy: { approvers } });
    await rig.running.run();
    const { actions } = resultOf(await rig.as('read').call('nightshift.list_actions', {})) as {
      actions: { id: string }[];
    };
    const action = actions[0]?.id ?? '';
    const { call } = rig.as('act', 'agent');

    for (const tool of ['approve', 'decline', 'undo']) {
      const answer = await call(`nightshift.${tool}_action`, { action });
      expect('error' in answer && answer.error).toMatch(/mcp:agent may not .* does not name it under approvers/);
    }
    const refused = (await journal()).filter(({ state }) => state === 'refused');
    expect(refused.map(({ by, actionId, detail }) => [by, actionId, detail])).toEqual(
      ['approve', 'decline', 'undo'].map((verb) => [
        'mcp:agent',
        action,
        `mcp:agent wanted to ${verb} it and may not: nothing was done.`,
      ]),
    );
  });

  test('a token that policy names approves what a run proposed, and the journal names the token', async () => {
    rig = await toolRig({ mode: 'approve', policy: { approvers: [{ namespace: 'default', callers: ['agent'] }] } });
    await rig.running.run();
    const { actions } = resultOf(await rig.as('read').call('nightshift.list_actions', {})) as {
      actions: { id: string }[];
    };
    const action = actions[0]?.id ?? '';

    expect(resultOf(await rig.as('act', 'agent').call('nightshift.approve_action', { action }))).toMatchObject({
      outcome: 'applied',
    });
    const stored = await rig.running.store.read<ActionRecord>('actions', action);
    expect(stored?.data.approvedBy).toBe('mcp:agent');
    expect(
      (await journal()).filter(({ actionId }) => actionId === action).map(({ state, by }) => [state, by]),
    ).toContainEqual(['applied', 'mcp:agent']);
  });

  test('a caller withdraws what it proposed itself', async () => {
    rig = await toolRig({ mode: 'auto' });
    const { call } = rig.as('propose', 'asking');
    await call('k8s.update_resources', { pod: POD, mem_limit: '1280Mi' });
    const { actions } = resultOf(await call('nightshift.list_actions', {})) as { actions: { id: string }[] };

    expect(resultOf(await call('nightshift.decline_action', { action: actions[0]?.id ?? '' }))).toMatchObject({
      state: 'declined',
    });
  });

  test('guardrails hold: a step that is too large, a protected pod, a pause', async () => {
    rig = await toolRig({ mode: 'auto', policy: { protect: { names: ['auth-*'] } } });
    const { call } = rig.as('act');
    const reason = async (input: object): Promise<unknown> =>
      resultOf(await call('k8s.update_resources', input))['reason'];
    expect(await reason({ pod: POD, mem_limit: '8Gi' })).toMatch(/step is too large/);
    expect(await reason({ pod: 'auth-service', mem_limit: '600Mi' })).toMatch(/protected by the policy/);
    expect(patches()).toBe(0);
  });

  test('while a run holds the namespace it is told to come back', async () => {
    rig = await toolRig({ mode: 'auto' });
    const until = new Date(rig.running.platform.clock.now().getTime() + 60_000).toISOString();
    await rig.running.store.commit([
      {
        op: 'create',
        collection: 'leases',
        id: 'rebalance:cluster=test,namespace=default',
        data: { runId: 'r', until },
        expiresAt: until,
      },
    ]);
    expect(resultOf(await rig.as('act').call('k8s.update_resources', { pod: POD, mem_limit: '1280Mi' }))).toEqual({
      status: 'failed',
      reason: expect.stringContaining('A run is at work') as unknown,
      applied: 'no',
    });
  });

  test.each([
    [{ pod: POD }, /Nothing is to be changed/],
    [{ pod: POD, mem_limit: '-1Gi' }, /mem_limit: is no size, such as 1Gi/],
    [{ pod: POD, cpu_limit: '0' }, /cpu_limit: is no size/],
    [{ pod: POD, cpu_limit: 1 }, /cpu_limit: /],
    [{ pod: POD, replicas: '3' }, /replicas: is no argument/],
  ])('%j is refused', async (input, words) => {
    rig = await toolRig({ mode: 'auto' });
    const answer = await rig.as('act').call('k8s.update_resources', input);
    expect('error' in answer && answer.error).toMatch(words);
    expect(patches()).toBe(0);
  });
});

describe('telling', () => {
  beforeEach(async () => {
    rig = await toolRig();
  });

  test('a message and an issue come back with their addresses; a repeat with the same marker is the same one', async () => {
    const { call } = rig.as('propose');
    const post = (): ReturnType<typeof call> => call('slack.post_message', { channel: '#ops', text: 'hello' }, 'one');
    const first = resultOf(await post());
    expect(first).toEqual({
      ts: expect.stringMatching(/^\d+\.\d+$/) as unknown,
      url: expect.stringContaining('https://') as unknown,
    });
    expect(resultOf(await post())).toEqual(first);
    expect(messages()).toHaveLength(1);
    await call('slack.post_message', { channel: '#ops', text: 'hello' });
    expect(messages()).toHaveLength(2);
    const issue = { project: 'OPS', title: 'It is broken', body: 'See:\n\n```\nx = 1\n```' };
    const created = resultOf(await call('jira.create_issue', issue));
    expect(created).toEqual({ issue_id: 'OPS-1', url: expect.stringMatching(/\/browse\/OPS-1$/) as unknown });
    expect(resultOf(await call('jira.create_issue', issue))).toEqual(created);
    expect(rig.running.platform.doubles.jira.state().issues).toHaveLength(1);
    expect(rig.running.platform.violations()).toEqual([]);
  });

  test('nobody is pinged, and nothing that looks like a button is posted', async () => {
    const { call } = rig.as('propose');
    const block = { type: 'section', text: { type: 'mrkdwn', text: '<!here> <@U123> <https://a.example|a>' } };
    await call('slack.post_message', { channel: '#ops', text: '<!channel> hi', blocks: [block] });
    const posted = JSON.stringify(rig.running.platform.doubles.slack.state().messages);
    expect(posted).not.toMatch(/<[!@]/);
    expect(posted).toContain('<https://a.example|a>');
    for (const refused of [
      { type: 'actions', elements: [] },
      { ...block, accessory: { type: 'button' } },
      { type: 'image', image_url: 'https://a.example/x.png', alt_text: 'x' },
      {
        type: 'rich_text',
        elements: [{ type: 'rich_text_section', elements: [{ type: 'broadcast', range: 'here' }] }],
      },
    ]) {
      const answer = await call('slack.post_message', { channel: '#ops', text: 'x', blocks: [refused] });
      expect('error' in answer && answer.error).toMatch(/is not taken/);
    }
    expect(messages()).toHaveLength(1);
  });

  test('other channels and projects need the policy', async () => {
    const { call } = rig.as('act');
    const post = await call('slack.post_message', { channel: '#general', text: 'x' });
    expect('error' in post && post.error).toMatch(/"#general" is not one that callers may use. Allowed: #ops/);
    const issue = await call('jira.create_issue', { project: 'HR', title: 'x', body: '' });
    expect('error' in issue && issue.error).toMatch(/Allowed: OPS/);
  });

  test('what cannot be delivered now is queued, said so, and goes out later once', async () => {
    rig.running.platform.inject({ system: 'slack', operation: 'chat.postMessage', kind: '500' });
    const { call } = rig.as('propose');
    const answer = await call('slack.post_message', { channel: '#ops', text: 'hello' });
    expect('error' in answer && answer.error).toMatch(/It is queued and not yet delivered.*do not send it again/);
    rig.running.platform.clearFaults();
    rig.running.platform.clock.advance(3_600_000);
    await rig.running.run();
    expect(messages().filter(({ text }) => text === 'hello')).toHaveLength(1);
  });

  test('secrets of ours are masked in what is told and answered', async () => {
    const { call } = rig.as('propose');
    await call('slack.post_message', { channel: '#ops', text: 'token xoxb-nightshift-test and password=hunter22' });
    expect(messages()[0]?.text).toBe('token *** and password=***');
  });
});

test('underscore names are the same tools, and every sheet says whether it writes', async () => {
  rig = await toolRig();
  const context = {
    surroundings: rig.running.ready.surroundings,
    duties: [rig.running.ready],
    cluster: 'test',
    namespace: 'default',
  };
  const caller = { by: 'mcp:test', grant: 'read', tell: true } as const;
  const server = toolServer({ ...context, caller }, { version: '0', toolNames: 'underscore' });
  expect(server.tools.every(({ name }) => /^[a-zA-Z0-9_-]{1,64}$/.test(name))).toBe(true);
  expect(resultOf(await server.call({ name: 'k8s_list_pods', arguments: {}, marker: undefined }))['pods']).toHaveLength(
    4,
  );
  const hints = Object.fromEntries(server.tools.map(({ name, annotations }) => [name, annotations]));
  expect(hints['k8s_describe']).toMatchObject({ readOnlyHint: true, destructiveHint: false });
  expect(hints['k8s_update_resources']).toMatchObject({
    readOnlyHint: false,
    destructiveHint: true,
    idempotentHint: true,
  });
  expect(hints['slack_post_message']).toMatchObject({
    readOnlyHint: false,
    destructiveHint: false,
    idempotentHint: false,
  });
  for (const { inputSchema, outputSchema } of server.tools) {
    expect([inputSchema['type'], inputSchema['additionalProperties'], outputSchema['type']]).toEqual([
      'object',
      false,
      'object',
    ]);
  }
});

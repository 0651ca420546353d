import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { DoubleReply, DoubleRequest } from '../../fixtures/platform/kit.ts';
import { validate } from '../../fixtures/platform/spec-check.ts';

function request(method: string, target: string, body?: unknown, type = 'application/json'): DoubleRequest {
  const url = new URL(target, 'http://localhost');
  return {
    method,
    path: url.pathname,
    query: url.searchParams,
    headers: body === undefined ? {} : { 'content-type': type },
    body: Buffer.from(body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body)),
  };
}

function reply(body: unknown, status = 200): DoubleReply {
  return { status, headers: { 'Content-Type': 'application/json; charset=utf-8' }, body: JSON.stringify(body) };
}

const POD = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' }, spec: { containers: [{ name: 'c' }] } };
const PODS = '/api/v1/namespaces/default/pods';
const RESIZE = `${PODS}/a/resize`;
const STRATEGIC = 'application/strategic-merge-patch+json';

function resize(container: Record<string, unknown>): unknown {
  return { spec: { containers: [{ name: 'c', ...container }], '$setElementOrder/containers': [{ name: 'c' }] } };
}

describe('Kubernetes', () => {
  test('takes what is right: a list, a resize with directives, a JSON patch, a number as quantity, protobuf unseen', () => {
    const list = { apiVersion: 'v1', kind: 'PodList', metadata: { resourceVersion: '1' }, items: [POD] };
    expect(validate('kubernetes', request('GET', `${PODS}?limit=500&labelSelector=a%3Db`), reply(list))).toEqual([]);
    expect(
      validate(
        'kubernetes',
        request('GET', '/version'),
        reply({
          major: '1',
          minor: '34',
          gitVersion: 'v1.34.4',
          gitCommit: '',
          gitTreeState: '',
          buildDate: '',
          goVersion: '',
          compiler: '',
          platform: '',
        }),
      ),
    ).toEqual([]);
    const patch = resize({ resources: { limits: { memory: '1280Mi', cpu: 1 } } });
    expect(validate('kubernetes', request('PATCH', RESIZE, patch, STRATEGIC), reply(POD))).toEqual([]);
    const steps = [{ op: 'test', path: '/metadata/uid', value: 'u' }];
    expect(validate('kubernetes', request('PATCH', RESIZE, steps, 'application/json-patch+json'), reply(POD))).toEqual(
      [],
    );
    const template = { spec: { template: { spec: { containers: [{ name: 'c', image: 'c:2' }] } } } };
    const deployment = '/apis/apps/v1/namespaces/default/deployments/a';
    expect(validate('kubernetes', request('PATCH', deployment, template, STRATEGIC), reply({}))).toEqual([]);
    const protobuf = {
      status: 200,
      headers: { 'content-type': 'application/vnd.kubernetes.protobuf' },
      body: Buffer.of(1),
    };
    expect(validate('kubernetes', request('GET', PODS), protobuf)).toEqual([]);
    const vpa = '/apis/autoscaling.k8s.io/v1/namespaces/default/verticalpodautoscalers';
    expect(validate('kubernetes', request('GET', vpa), reply({ anything: true }))).toEqual([]);
  });

  test('an eviction is answered by a Status, and not by what the description says', () => {
    const eviction = request('POST', `${PODS}/a/eviction`, { metadata: { name: 'a' } });
    const status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 };
    expect(validate('kubernetes', eviction, reply(status, 201))).toEqual([]);
    const described = { kind: 'Eviction', apiVersion: 'policy/v1', metadata: { name: 'a' }, deleteOptions: {} };
    expect(validate('kubernetes', eviction, reply(described, 201)).join('\n')).toMatch(/\(deleteOptions\)/);
  });

  test('looks into compressed replies', () => {
    const { headers = {}, ...bad } = reply({ ...POD, specs: {} });
    const zipped = { ...bad, headers: { ...headers, 'content-encoding': 'gzip' }, body: gzipSync(bad.body) };
    expect(validate('kubernetes', request('GET', `${PODS}/a`), zipped).join('\n')).toMatch(/\(specs\)/);
  });

  test.each<[string, DoubleRequest, DoubleReply, RegExp]>([
    [
      'a path that we do not use',
      request('GET', '/api/v1/secrets'),
      reply({}),
      /no operation of fixtures\/specs\/used\.yaml/,
    ],
    ['a method that the path does not have', request('DELETE', PODS), reply({}), /no operation/],
    [
      'a query parameter that is not there',
      request('GET', `${PODS}?selector=a`),
      reply({ items: [] }),
      /unknown query parameter selector/,
    ],
    [
      'a limit that is no number',
      request('GET', `${PODS}?limit=many`),
      reply({ items: [] }),
      /limit is "many", expected integer/,
    ],
    [
      'a patch of a field that is not there',
      request('PATCH', RESIZE, resize({ resource: {} }), STRATEGIC),
      reply(POD),
      /request: .*\(resource\)/,
    ],
    [
      'a patch in plain JSON',
      request('PATCH', RESIZE, resize({})),
      reply(POD),
      /is of type "application\/json", expected application\/json-patch\+json/,
    ],
    [
      'a JSON patch that is none',
      request('PATCH', RESIZE, { op: 'add' }, 'application/json-patch+json'),
      reply(POD),
      /list of steps/,
    ],
    [
      'a reply with an unknown field',
      request('GET', `${PODS}/a`),
      reply({ ...POD, specs: {} }),
      /reply 200: .*\(specs\)/,
    ],
    [
      'a reply with a quantity as a number',
      request('GET', `${PODS}/a`),
      reply({ ...POD, spec: { containers: [{ name: 'c', resources: { limits: { cpu: 1 } } }] } }),
      /limits\/cpu must be string/,
    ],
    [
      'a reply without its containers',
      request('GET', `${PODS}/a`),
      reply({ ...POD, spec: {} }),
      /must have required property 'containers'/,
    ],
    ['an error that is no Status', request('GET', `${PODS}/a`), reply({ error: 'no' }, 404), /reply 404/],
    ['a body where none belongs', request('GET', `${PODS}/a`, {}), reply(POD), /takes none/],
  ])('finds %s', (_what, asked, answered, message) => {
    expect(validate('kubernetes', asked, answered).join('\n')).toMatch(message);
  });
});

describe('Slack', () => {
  const form = 'application/x-www-form-urlencoded';
  const posted = reply({
    ok: true,
    channel: 'C0000000OPS',
    ts: '1772618400.000100',
    message: { type: 'message', text: 'x', ts: '1772618400.000100' },
  });

  test('takes arguments as a form, as JSON or in the query, by GET or POST', () => {
    expect(
      validate('slack', request('POST', '/api/chat.postMessage', 'channel=C1&text=x&unfurl_links=false', form), posted),
    ).toEqual([]);
    expect(validate('slack', request('POST', '/api/chat.postMessage', { channel: 'C1', blocks: [] }), posted)).toEqual(
      [],
    );
    const none = reply({
      ok: true,
      messages: [],
      has_more: false,
      pin_count: 0,
      channel_actions_ts: null,
      channel_actions_count: 0,
    });
    expect(validate('slack', request('GET', '/api/conversations.history?channel=C1&oldest=1.5'), none)).toEqual([]);
    expect(validate('slack', request('POST', '/api/conversations.history', 'channel=C1&limit=5', form), none)).toEqual(
      [],
    );
    expect(
      validate(
        'slack',
        request('POST', '/api/chat.postMessage', 'channel=C1', form),
        reply({ ok: false, error: 'brand_new_code' }),
      ),
    ).toEqual([]);
  });

  test.each<[string, DoubleRequest, DoubleReply, RegExp]>([
    [
      'an unknown argument',
      request('POST', '/api/chat.postMessage', 'channel=C1&colour=red', form),
      posted,
      /unknown argument colour/,
    ],
    [
      'a missing argument',
      request('POST', '/api/chat.postMessage', 'text=x', form),
      posted,
      /argument channel is missing/,
    ],
    [
      'an argument of the wrong type',
      request('POST', '/api/conversations.history', 'limit=many', form),
      reply({ ok: false, error: 'x' }),
      /limit is "many"/,
    ],
    [
      'a body of another type',
      request('POST', '/api/chat.postMessage', '<a/>', 'text/xml'),
      posted,
      /expected a form or JSON/,
    ],
    [
      'a success that does not say what was posted',
      request('POST', '/api/chat.postMessage', 'channel=C1', form),
      reply({ ok: true }),
      /reply 200: .*required/,
    ],
    [
      'a failure that does not say why',
      request('POST', '/api/chat.postMessage', 'channel=C1', form),
      reply({ ok: false }),
      /reply default: .*'error'/,
    ],
    [
      'a ts that is none',
      request('POST', '/api/chat.postMessage', 'channel=C1', form),
      reply({ ok: true, channel: 'C0000000OPS', ts: 'now', message: { type: 'message', text: 'x', ts: 'now' } }),
      /pattern/,
    ],
  ])('finds %s', (_what, asked, answered, message) => {
    expect(validate('slack', asked, answered).join('\n')).toMatch(message);
  });
});

describe('Jira', () => {
  const created = reply({ id: '1', key: 'OPS-1', self: 'http://localhost/1' }, 201);

  test('takes a draft, a search by GET and a 401 in plain text', () => {
    expect(validate('jira', request('POST', '/rest/api/3/issue', { fields: { summary: 'x' } }), created)).toEqual([]);
    const search = request('GET', '/rest/api/3/search/jql?jql=x&fields=status&maxResults=5');
    expect(validate('jira', search, reply({ issues: [], isLast: true }))).toEqual([]);
    const text = { status: 401, headers: { 'content-type': 'text/html' }, body: 'no' };
    expect(validate('jira', request('GET', '/rest/api/3/myself'), text)).toEqual([]);
  });

  test.each<[string, DoubleRequest, DoubleReply, RegExp]>([
    ['the search that is gone', request('POST', '/rest/api/3/search', { jql: 'x' }), reply({}), /no operation/],
    [
      'an unknown member of the request',
      request('POST', '/rest/api/3/search/jql', { jql: 'x', startAt: 0 }),
      reply({ issues: [] }),
      /request: .*\(startAt\)/,
    ],
    ['a missing body', request('POST', '/rest/api/3/issue'), created, /has no body/],
    ['a body that is no JSON', request('POST', '/rest/api/3/issue', '{'), created, /is no JSON/],
    [
      'an unknown query parameter',
      request('GET', '/rest/api/3/issue/OPS-1?field=status'),
      reply({}),
      /unknown query parameter field/,
    ],
    [
      'an unknown member of the reply',
      request('POST', '/rest/api/3/issue', {}),
      reply({ key: 'OPS-1', url: 'x' }, 201),
      /\(url\)/,
    ],
    [
      'a success with a status that is not described',
      request('POST', '/rest/api/3/issue', {}),
      reply({}, 200),
      /status 200 is not described/,
    ],
    ['an error in another form', request('GET', '/rest/api/3/issue/OPS-1'), reply({ message: 'no' }, 404), /reply 404/],
  ])('finds %s', (_what, asked, answered, message) => {
    expect(validate('jira', asked, answered).join('\n')).toMatch(message);
  });
});

describe('Pub/Sub', () => {
  const path = '/v1/projects/shop/topics/nightly:publish';
  const published = reply({ messageIds: ['1'] });
  const message = { data: 'e30=', attributes: { id: 'a' } };

  test('takes messages, what came of them, and a failure as all Google APIs tell it', () => {
    expect(validate('pubsub', request('POST', `${path}?alt=json`, { messages: [message] }), published)).toEqual([]);
    const denied = reply({ error: { code: 403, message: 'no', status: 'PERMISSION_DENIED', details: [{}] } }, 403);
    expect(validate('pubsub', request('POST', path, { messages: [message] }), denied)).toEqual([]);
  });

  test.each<[string, DoubleRequest, DoubleReply, RegExp]>([
    ['another method', request('POST', '/v1/projects/shop/topics/nightly:pull', {}), published, /no operation/],
    [
      'data that is no base64',
      request('POST', path, { messages: [{ data: '{}' }] }),
      published,
      /data must match format "byte"/,
    ],
    [
      'an attribute that is no text',
      request('POST', path, { messages: [{ attributes: { id: 1 } }] }),
      published,
      /attributes\/id must be string/,
    ],
    ['a field that is not there', request('POST', path, { message }), published, /\(message\)/],
    ['an unknown query parameter', request('POST', `${path}?dry=1`, {}), published, /unknown query parameter dry/],
    ['a reply in another form', request('POST', path, {}), reply({ ids: [] }), /reply 200: .*\(ids\)/],
    ['a failure in another form', request('POST', path, {}), reply({ message: 'no' }, 403), /reply 403: .*'error'/],
  ])('finds %s', (_what, asked, answered, message) => {
    expect(validate('pubsub', asked, answered).join('\n')).toMatch(message);
  });
});

describe('what no description covers', () => {
  test('is free in form and listed all the same', () => {
    const { headers, ...rest } = reply({ anything: true });
    expect(validate('victoriametrics', request('POST', '/api/v1/query'), { headers: headers ?? {}, ...rest })).toEqual(
      [],
    );
    expect(validate('victoriametrics', request('GET', '/select/7:1/prometheus/api/v1/labels'), rest)).toEqual([]);
    expect(validate('victoriametrics', request('GET', '/api/v1/export'), rest).join('\n')).toMatch(/is no operation/);
    expect(validate('victoriametrics', request('DELETE', '/api/v1/query'), rest).join('\n')).toMatch(/is no operation/);
    expect(validate('kubernetes', request('GET', '/apis/autoscaling.k8s.io/v2'), rest).join('\n')).toMatch(
      /is no operation/,
    );
  });
});

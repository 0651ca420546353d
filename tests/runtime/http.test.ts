// Requests to a duty and their statuses (law 11), and how a tick over many scopes is handed out.
import { describe, expect, test } from 'vitest';
import { CallerError, ConfigurationError, PlatformError } from '../../shared/core/errors.ts';
import type { JsonObject } from '../../shared/core/json.ts';
import type { Queue } from '../../shared/ports/queue.ts';
import type { Duty } from '../../shared/runtime/duty.ts';
import { answer, type Answer, type ReadyDuty } from '../../shared/runtime/http.ts';
import { sizeDuty, testRuntime, type TestRuntime, type TestRuntimeOptions } from '../support/runtime.ts';

const SHOP = { cluster: 'prod', namespace: 'shop' };
const PAY = { cluster: 'prod', namespace: 'pay' };
const TICK = {
  'x-cloudscheduler': 'true',
  'x-cloudscheduler-jobname': 'test',
  'x-cloudscheduler-scheduletime': '2026-03-04T10:00:00Z',
};

interface Setup {
  readonly runtime: TestRuntime;
  readonly ready: ReadyDuty;
  readonly published: { topic: string; id: string; data: JsonObject }[];
}

function setup(change: Partial<Duty> = {}, options: TestRuntimeOptions & { fanOut?: boolean } = {}): Setup {
  const runtime = testRuntime(options);
  const published: Setup['published'] = [];
  const queue: Queue = {
    publish: (topic, messages) => {
      published.push(...messages.map((message) => ({ topic, ...message })));
      return Promise.resolve();
    },
  };
  const surroundings = {
    ...runtime.surroundings,
    ports: { ...runtime.surroundings.ports, queue: options.fanOut === true ? queue : undefined },
  };
  const duty = { ...sizeDuty(runtime.things, { a: 125 }), ...change };
  const manifest = { name: 'test', timeoutSeconds: 300, fanOut: true };
  return { runtime, published, ready: { duty, policy: runtime.policy, manifest, surroundings } };
}

function ask({ ready }: Setup, body: unknown = {}, headers: Record<string, string> = {}): Promise<Answer> {
  return answer(ready, { headers, body: JSON.stringify(body) });
}

const failing = (error: Error): Partial<Duty> => ({ observe: () => Promise.reject(error) });
const platformError = (retryAfterSeconds?: number): PlatformError =>
  new PlatformError(
    {
      system: 'Test',
      operation: 'list',
      target: 'things',
      applied: 'no',
      ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
    },
    'it is down',
  );

describe('the status says what became of it', () => {
  test('200 with the report when it is done', async () => {
    const { status, body } = await ask(setup(), { scope: SHOP });
    expect([status, Object.keys(body)]).toEqual([200, ['summary', 'run', 'decisions', 'actions', 'deliveries']]);
  });

  test('202 when all of it waits for approval', async () => {
    expect((await ask(setup({}, { team: { modes: [{ mode: 'approve' }] } }), { scope: SHOP })).status).toBe(202);
  });

  test('400 names the field', async () => {
    const { status, body } = await ask(setup(), { scope: { cluster: 'prod' } });
    expect([status, (body['error'] as JsonObject)['field']]).toEqual([400, 'scope.namespace']);
    expect((await ask(setup(failing(new CallerError('no such thing'))), { scope: SHOP })).status).toBe(400);
  });

  test('503 when a platform is down, with its Retry-After', async () => {
    const { status, headers } = await ask(setup(failing(platformError(7))), { scope: SHOP });
    expect([status, headers['retry-after']]).toEqual([503, '7']);
  });

  test('500 for a wrong configuration, a bug, and a run that was refused, whose report is told all the same', async () => {
    expect((await ask(setup(failing(new ConfigurationError('unset'))), { scope: SHOP })).status).toBe(500);
    expect((await ask(setup(failing(new TypeError('x is undefined'))), { scope: SHOP })).status).toBe(500);
    const refused = setup({ problems: () => [{ kind: 'configuration', message: 'two clusters are mixed' }] });
    const { status, body } = await ask(refused, { scope: SHOP });
    expect([status, (body['run'] as JsonObject)['result']]).toEqual([500, 'refused']);
    expect(refused.runtime.things.effects).toEqual([]);
  });

  test('409 to a person and 200 to a machine while the scope is being worked on', async () => {
    const answers: Answer[] = [];
    const one: Setup = setup(
      {},
      {
        onStep: async (step) => {
          if (step === 'decided' && answers.length === 0) {
            answers.push(await ask(one, { scope: SHOP }));
            answers.push(await ask(one, { scope: SHOP }, TICK));
          }
        },
      },
    );
    expect((await ask(one, { scope: SHOP })).status).toBe(200);
    expect(answers.map(({ status, body }) => [status, body['result']])).toEqual([
      [409, 'busy'],
      [200, 'busy'],
    ]);
  });
});

describe('many scopes', () => {
  const many: Partial<Duty> = { scopes: () => [SHOP, PAY] };

  test('a scheduled tick publishes one message a scope and runs nothing itself', async () => {
    const one = setup(many, { fanOut: true });
    const { body } = await ask(one, {}, TICK);
    expect(body).toEqual({ result: 'fanned-out', scopes: 2 });
    expect(one.published.map(({ topic, data }) => [topic, data['scope']])).toEqual([
      ['nightshift-test', SHOP],
      ['nightshift-test', PAY],
    ]);
    expect(one.runtime.things.effects).toEqual([]);
  });

  test('the same tick again publishes under the same ids, so that its receivers know it', async () => {
    const one = setup(many, { fanOut: true });
    await ask(one, {}, TICK);
    await ask(one, {}, TICK);
    const ids = one.published.map(({ id }) => id);
    expect(ids.slice(0, 2)).toEqual(ids.slice(2));
    expect(new Set(ids).size).toBe(2);
  });

  test('without a queue they run one after the other, and the worst status counts', async () => {
    const one = setup({
      ...many,
      observe: ({ scope, now }) =>
        (scope as typeof SHOP).namespace === 'pay'
          ? Promise.reject(platformError())
          : Promise.resolve({ now, sizes: {} }),
    });
    const { status, body } = await ask(one, {}, TICK);
    expect([status, (body['reports'] as unknown[]).length]).toEqual([503, 2]);
  });

  test('a policy without scopes is a wrong configuration that says where they belong', async () => {
    const { status, body } = await ask(setup({ scopes: () => [] }));
    expect([status, (body['error'] as JsonObject)['message']]).toEqual([
      500,
      expect.stringContaining('duties.test.scopes'),
    ]);
  });
});

// A stored run is judged again from what it recorded: the same to the byte, or the first difference is told. No secret is kept.
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { BugError, CallerError, ConfigurationError } from '../../shared/core/errors.ts';
import { secretMasker } from '../../shared/core/mask.ts';
import type { Duty } from '../../shared/runtime/duty.ts';
import { firstDifference, recordedRun, replayRun } from '../../shared/runtime/replay.ts';
import { readRecording } from '../../shared/runtime/recording.ts';
import { runDuty } from '../../shared/runtime/run.ts';
import { readRun, type RunRecord } from '../../shared/runtime/run-record.ts';
import { sizeDuty, START, testRuntime, type TestRuntime, testThings } from '../support/runtime.ts';

const SCOPE = { cluster: 'prod', namespace: 'shop' };
const CODE = { version: '1.2.3', hash: 'abc' };

function dutyOf(runtime: TestRuntime, change: Partial<Duty> = {}): Duty {
  return { ...sizeDuty(runtime.things, { a: 125, b: 0 }), ...change };
}

async function run(runtime: TestRuntime, duty: Duty): Promise<string> {
  const result = await runDuty({ ...runtime.surroundings, code: CODE }, duty, runtime.policy, {
    scope: SCOPE,
    dryRun: false,
    trigger: 'manual',
    timeoutSeconds: 300,
  });
  return result.kind === 'busy' ? expect.fail('busy') : result.report.run.id;
}

function twoThings(options: Parameters<typeof testRuntime>[0] = {}): TestRuntime {
  return testRuntime({ things: testThings({ a: 100, b: 7 }), ...options });
}

async function recordOf(runtime: TestRuntime, id: string): Promise<RunRecord> {
  return (await runtime.store.read<RunRecord>('runs', id))?.data ?? expect.fail('no record');
}

describe('a run that was recorded', () => {
  test('keeps facts, policy, code, outcomes and problems', async () => {
    const runtime = twoThings();
    const duty = dutyOf(runtime, { problems: () => [{ kind: 'platform', message: 'half of it was slow' }] });
    const id = await run(runtime, duty);
    const record = await recordOf(runtime, id);
    expect(record.notRecorded).toBeUndefined();
    expect(await readRecording(runtime.store, record.recording ?? expect.fail('not recorded'))).toEqual({
      schema: 1,
      code: CODE,
      now: START,
      scope: SCOPE,
      policy: { team: runtime.team, duty: {} },
      facts: { now: START, sizes: { a: 100, b: 7 } },
      outcomes: [
        {
          subject: { namespace: 'shop', thing: 'a' },
          outcome: expect.objectContaining({ state: 'applied' }) as object,
        },
      ],
      reconciled: [],
      problems: [{ kind: 'platform', message: 'half of it was slow' }],
    });
  });

  test('is judged the same again, after the world has moved on', async () => {
    const runtime = twoThings();
    const duty = dutyOf(runtime);
    const id = await run(runtime, duty);
    runtime.things.sizes.clear();
    runtime.clock.advance(86_400_000);
    const recorded = await recordedRun(runtime.store, id);
    expect(replayRun(duty, recorded)).toBeUndefined();
    expect(recorded.judgement.summary).toEqual({ things: ['a: applied', 'b: escalate'] });
    expect(recorded.judgement.decisions.map(({ verdict }) => verdict)).toEqual(['act', 'escalate']);
  });

  test('takes outcomes from what was stored, a failed one too', async () => {
    const runtime = twoThings();
    runtime.things.fates = ['refused'];
    const duty = dutyOf(runtime);
    const recorded = await recordedRun(runtime.store, await run(runtime, duty));
    expect(recorded.judgement.summary).toEqual({ things: ['a: failed', 'b: escalate'] });
    expect(replayRun(duty, recorded)).toBeUndefined();
  });

  test('of a scope that is set up wrongly is replayed as refused', async () => {
    const runtime = twoThings();
    const duty = dutyOf(runtime, { problems: () => [{ kind: 'configuration', message: 'two clusters mixed' }] });
    const recorded = await recordedRun(runtime.store, await run(runtime, duty));
    expect(recorded.judgement.summary).toEqual({ things: ['a: refused', 'b: escalate'] });
    expect(replayRun(duty, recorded)).toBeUndefined();
  });

  test.each<[string, (duty: Duty) => Partial<Duty>, string, string | undefined, string | undefined]>([
    [
      'a rule that says other words',
      (duty) => ({
        decide: (facts, policy) =>
          duty.decide(facts, policy).map((one) => ({ ...one, reason: { ...one.reason, sentence: 'Too small!' } })),
      }),
      'decisions[0].reason',
      '"a is too small."',
      '"Too small!"',
    ],
    [
      'a verdict that is gone',
      (duty) => ({ decide: (facts, policy) => duty.decide(facts, policy).slice(0, 1) }),
      'summary.things[1]',
      '"b: escalate"',
      undefined,
    ],
    [
      'a summary with its keys in another order',
      () => ({ report: () => ({ summary: { z: 1, a: 2 }, message: { title: '', blocks: [] } }) }),
      'summary (order of keys)',
      'a, z',
      'z, a',
    ],
    [
      'a change that was not wanted then',
      (duty) => ({
        decide: (facts, policy) => {
          const [act, ...others] = duty.decide(facts, policy);
          return [{ ...(act ?? expect.fail()), subject: { namespace: 'shop', thing: 'c' } }, ...others];
        },
      }),
      'summary.things[0]',
      '"a: applied"',
      '"c: planned"',
    ],
  ])('shows the first difference of %s', async (name, change, path, before, after) => {
    const runtime = twoThings();
    const duty = name.includes('order')
      ? dutyOf(runtime, { report: () => ({ summary: { a: 2, z: 1 }, message: { title: '', blocks: [] } }) })
      : dutyOf(runtime);
    const recorded = await recordedRun(runtime.store, await run(runtime, duty));
    expect(replayRun({ ...duty, ...change(duty) }, recorded)).toEqual({ path, recorded: before, replayed: after });
  });

  test('is no replay where the code of today breaks the law of one verdict each', async () => {
    const runtime = twoThings();
    const duty = dutyOf(runtime);
    const recorded = await recordedRun(runtime.store, await run(runtime, duty));
    const twice = dutyOf(runtime, { decide: (facts, policy) => [1, 2].flatMap(() => duty.decide(facts, policy)) });
    expect(() => replayRun(twice, recorded)).toThrow(BugError);
  });

  test('whose facts do not fit the code any more says which field', async () => {
    const runtime = twoThings();
    const recorded = await recordedRun(runtime.store, await run(runtime, dutyOf(runtime)));
    const newer = dutyOf(runtime, {
      facts: z.strictObject({ now: z.string(), sizes: z.record(z.string(), z.string()) }),
    });
    expect(() => replayRun(newer, recorded)).toThrow(ConfigurationError);
    expect(() => replayRun(newer, recorded)).toThrow(/sizes\.a/);
  });

  test('is kept as long as policy says, with its facts', async () => {
    const runtime = twoThings({ team: { retention: { runs: '2d' } } });
    const id = await run(runtime, dutyOf(runtime));
    runtime.clock.advance(2 * 86_400_000 - 60_000);
    expect((await recordedRun(runtime.store, id)).recording.facts).toBeDefined();
    runtime.clock.advance(120_000);
    expect(await readRun({ ports: { store: runtime.store } }, id)).toBeUndefined();
    await expect(recordedRun(runtime.store, id)).rejects.toThrow(CallerError);
  });
});

describe('a run that cannot be recorded', () => {
  /** Text that gzip cannot shrink by much. */
  function noise(characters: number): string {
    let text = '';
    for (let block = 0; text.length < characters; block += 1) {
      text += createHash('sha512').update(String(block)).digest('base64');
    }
    return text.slice(0, characters);
  }

  const Facts = z.object({ now: z.string(), sizes: z.record(z.string(), z.number()), text: z.string() });

  test.each([
    ['its facts fit no document', 9_000_000],
    ['its facts and the report do not fit into one commit', 7_500_000],
  ])('because %s is done all the same, and says so', async (_name, size) => {
    const runtime = twoThings();
    const base = sizeDuty(runtime.things, { a: 125 });
    const duty = dutyOf(runtime, {
      facts: Facts,
      observe: async (input) => ({ ...((await base.observe(input)) as object), text: noise(size) }),
    });
    const id = await run(runtime, duty);
    const record = await recordOf(runtime, id);
    expect(runtime.things.effects).toEqual(['a=125']);
    expect(record).toMatchObject({ state: 'done', notRecorded: expect.stringContaining('too large') as string });
    const recording = await readRecording(runtime.store, record.recording ?? expect.fail('nothing was kept'));
    expect(recording.outcomes).toHaveLength(1);
    expect(recording.policy.team).toEqual(runtime.team);
    expect('facts' in recording).toBe(false);
    await expect(recordedRun(runtime.store, id)).rejects.toThrow(/cannot be replayed: Its facts were too large/);
  });

  test('because its facts are no JSON is done all the same', async () => {
    const runtime = twoThings();
    const base = sizeDuty(runtime.things, { a: 125 });
    const duty = dutyOf(runtime, {
      facts: z.looseObject({}),
      observe: async (input) => ({ ...((await base.observe(input)) as object), count: 1n }),
    });
    const record = await recordOf(runtime, await run(runtime, duty));
    expect(record).toMatchObject({ state: 'done', notRecorded: expect.stringMatching(/BigInt/) as string });
    expect(record.recording).toBeUndefined();
  });

  test('because it failed is told with its failure', async () => {
    const runtime = twoThings();
    const duty = dutyOf(runtime, { observe: () => Promise.reject(new Error('the cluster is away')) });
    await expect(run(runtime, duty)).rejects.toThrow('away');
    await expect(recordedRun(runtime.store, 'run-1')).rejects.toThrow(
      'Run run-1 cannot be replayed: It is failed. the cluster is away',
    );
  });
});

describe('secrets', () => {
  const TOKEN = 'hunter-2-and-a-half';

  test('never reach what is stored, and the run replays without them', async () => {
    const mask = secretMasker([TOKEN]);
    const things = testThings({ [`a-${TOKEN}`]: 100 });
    const runtime = testRuntime({ things, mask });
    const duty = {
      ...sizeDuty(things, { [`a-${TOKEN}`]: 125 }),
      problems: () => [{ kind: 'platform' as const, message: TOKEN }],
    };
    const id = await run(runtime, duty);
    const recorded = await recordedRun(runtime.store, id);
    expect(recorded.record.isRecordingMasked).toBe(true);
    expect(JSON.stringify(recorded)).not.toContain(TOKEN);
    expect(recorded.recording.facts).toEqual({ now: START, sizes: { 'a-***': 100 } });
    const replayed = sizeDuty(things, { 'a-***': 125 });
    expect(replayRun(replayed, recorded, mask)).toBeUndefined();
  });

  test('that are not there leave no mark', async () => {
    const runtime = twoThings({ mask: secretMasker([TOKEN]) });
    const record = await recordOf(runtime, await run(runtime, dutyOf(runtime)));
    expect(record.isRecordingMasked).toBeUndefined();
  });
});

describe('the first difference', () => {
  test.each<[unknown, unknown, string | undefined]>([
    [{ a: [1, { b: 2 }] }, { a: [1, { b: 2 }] }, undefined],
    [{ a: [1, { b: 2 }] }, { a: [1, { b: 3 }] }, 'a[1].b'],
    [{ a: 1 }, { a: 1, b: 2 }, 'b'],
    [{ a: 1, b: 2 }, { b: 2, a: 1 }, ' (order of keys)'],
    [[1, 2], [1], '[1]'],
    [{ a: [] }, { a: {} }, 'a'],
    [1, '1', ''],
  ])('of %j and %j is at %j', (a, b, path) => {
    expect(firstDifference(a, b)?.path).toBe(path);
  });
});

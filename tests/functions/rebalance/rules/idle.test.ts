import { describe, expect, test } from 'vitest';
import { container, decideOne, GI, idleContainer, kills, MI, policy, short } from '../build.ts';

describe('lower-requests-when-idle', () => {
  test('requests go down by a fifth and limits stay', () => {
    const { verdict, action } = decideOne(idleContainer());
    expect(verdict).toBe('act');
    expect(action?.from).toEqual({ requests: { cpu: '1', memory: '512Mi' }, limits: {} });
    expect(action?.to).toEqual({ requests: { cpu: '800m', memory: '410Mi' }, limits: {} });
  });

  test.each([
    ['CPU of its request', { cpu: { ...idleContainer().cpu, averageCores: 0.2 } }],
    ['memory of its request', { memory: { ...idleContainer().memory, averageBytes: 512 * MI * 0.2 } }],
  ])('20%% of %s on average is not idle', (_what, changes) => {
    expect(short(decideOne(idleContainer(changes)))).toBe('skip healthy');
  });

  test.each([
    ['CPU', { cpu: { ...idleContainer().cpu, averageCores: 0.1999 } }],
    ['memory', { memory: { ...idleContainer().memory, averageBytes: 512 * MI * 0.1999 } }],
  ])('just under 20%% of %s is idle', (_what, changes) => {
    expect(short(decideOne(idleContainer(changes)))).toBe('act lower-requests-when-idle');
  });

  test('a p95 of memory over half of the request is a spike, though it is far from the limit', () => {
    const spike = (p95Bytes: number) =>
      decideOne(idleContainer({ memory: { ...idleContainer().memory, p95Bytes, maximumBytes: p95Bytes } }));
    expect(short(spike(256 * MI))).toBe('act lower-requests-when-idle');
    expect(short(spike(256 * MI + 1))).toBe('skip healthy');
  });

  test('one OOM kill is a spike that no sample saw', () => {
    expect(short(decideOne(idleContainer({ oomKills: kills(3) })))).toBe('skip healthy');
  });

  test('requests stay above the use of the whole week', () => {
    const floors = { memoryMaximumBytes: 400 * MI, cpuP95Cores: 0.75 };
    expect(decideOne(idleContainer({ floors })).action?.to.requests).toEqual({ cpu: '863m', memory: '460Mi' });
  });

  test('what is at its floor stays, and the rest is trimmed', () => {
    const floors = { memoryMaximumBytes: 500 * MI, cpuP95Cores: 0.1 };
    expect(decideOne(idleContainer({ floors })).action?.to.requests).toEqual({ cpu: '800m' });
  });

  test('at both floors it is healthy, and says why', () => {
    const decision = decideOne(idleContainer({ floors: { memoryMaximumBytes: 500 * MI, cpuP95Cores: 0.9 } }));
    expect(short(decision)).toBe('skip healthy');
    expect(decision.reason.sentence).toContain('at their floor');
  });

  test('10m and 32Mi are the least', () => {
    const tiny = (cpu: string, memory: string) =>
      idleContainer({
        requests: { cpu, memory },
        memory: { averageBytes: MI, p95Bytes: MI, maximumBytes: MI, samples: 288, fresh: true },
        cpu: { averageCores: 0.0001, p95Cores: 0.0001, maximumCores: 0.0001, samples: 288, fresh: true },
        floors: { memoryMaximumBytes: MI, cpuP95Cores: 0.0001 },
      });
    expect(decideOne(tiny('12m', '36Mi')).action?.to.requests).toEqual({ cpu: '10m', memory: '32Mi' });
    expect(short(decideOne(tiny('10m', '32Mi')))).toBe('skip healthy');
  });

  test('a limit range is a floor too', () => {
    const items = [{ type: 'Container', max: {}, min: { memory: '500Mi' }, maxLimitRequestRatio: { cpu: '2' } }];
    const decision = decideOne(idleContainer(), { limitRanges: { items: [{ name: 'range', items }] } });
    expect(decision.action?.to.requests).toEqual({ memory: '500Mi' });
  });

  test('without a request there is nothing to be idle of', () => {
    expect(short(decideOne(idleContainer({ requests: { memory: '512Mi' }, limits: { memory: '1Gi' } })))).toBe(
      'skip healthy',
    );
    expect(short(decideOne(idleContainer({ requests: { cpu: '1' } })))).toBe('skip healthy');
  });

  test('CPU without a request is measured by its limit', () => {
    const decision = decideOne(idleContainer({ requests: { memory: '512Mi' }, limits: { cpu: '1', memory: '1Gi' } }));
    expect(decision.action?.to.requests).toEqual({ memory: '410Mi' });
  });

  describe('of a guaranteed pod', () => {
    const sizes = { cpu: '1', memory: '512Mi' };
    const guaranteed = idleContainer({ requests: sizes, limits: sizes });
    const on = (minor: number) =>
      decideOne(guaranteed, { server: { version: `v1.${minor}.0`, major: 1, minor, podResize: true } }, policy(), {
        qosClass: 'Guaranteed',
      });

    test('the limits go down with the requests', () => {
      expect(on(34).action?.to).toEqual({
        requests: { cpu: '800m', memory: '410Mi' },
        limits: { cpu: '800m', memory: '410Mi' },
      });
    });

    test('memory stays on 1.33, which refuses to lower a memory limit', () => {
      expect(on(33).action?.to).toEqual({ requests: { cpu: '800m' }, limits: { cpu: '800m' } });
    });
  });
});

describe('escalate-inconsistent-metrics', () => {
  const low = { averageCores: 0.1, p95Cores: 0.1, maximumCores: 2, samples: 288, fresh: true };
  const lowMemory = { averageBytes: 100 * MI, p95Bytes: 100 * MI, maximumBytes: 900 * MI, samples: 288, fresh: true };

  test.each([
    [0.5, 0.1, 'skip healthy'],
    [0.5001, 0.1, 'escalate escalate-inconsistent-metrics'],
    [0.1, 0.5, 'skip healthy'],
    [0.1, 0.5001, 'escalate escalate-inconsistent-metrics'],
  ])('a p95 of %s of CPU and of %s of memory', (cpuShare, memoryShare, expected) => {
    const cpu = { ...low, p95Cores: cpuShare };
    const memory = { ...lowMemory, p95Bytes: memoryShare * GI };
    // A small request, so that the idle rule has nothing to say on memory.
    expect(short(decideOne(container({ cpu, memory, requests: { cpu: '1', memory: '200Mi' } })))).toBe(expected);
  });

  test.each([
    ['CPU', { cpu: { ...low, averageCores: 0.2, p95Cores: 0.9 }, memory: lowMemory }],
    ['memory', { cpu: { ...low, p95Cores: 0.9 }, memory: { ...lowMemory, averageBytes: 0.2 * GI } }],
  ])('an average of 20%% of %s is consistent with any p95', (_what, changes) => {
    expect(short(decideOne(container(changes)))).toBe('skip healthy');
  });

  test('it carries one issue for the workload, without numbers or times in what it is about', () => {
    const decision = decideOne(container({ cpu: { ...low, p95Cores: 0.9 }, memory: lowMemory }));
    expect(decision.escalation?.about).toEqual({
      duty: 'rebalance',
      rule: 'rebalance/escalate-inconsistent-metrics',
      cluster: 'test',
      namespace: 'default',
      workload: 'Deployment/shop',
    });
    expect(decision.reason.label).toBe('inconsistent metrics');
  });
});

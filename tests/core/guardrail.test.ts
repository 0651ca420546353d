// Guardrails one by one: what each refuses, what it lets through, and that all of them fail closed.
import { describe, expect, it } from 'vitest';
import {
  checkGuardrails,
  GUARDRAILS,
  type GuardrailInput,
  modeOf,
  onlyObserves,
  placeOf,
} from '../../shared/core/guardrail.ts';
import type { TeamPolicy } from '../../shared/core/policy.ts';
import { change, NOW, proposal, request, teamWith } from './guardrail-request.ts';

describe('an action that nothing speaks against', () => {
  it.each([
    ['auto', 'apply'],
    ['approve', 'wait'],
    ['observe', 'observe'],
  ])('in mode %s: %s', (mode, verdict) => {
    expect(checkGuardrails(request({ team: teamWith({ modes: [{ mode }] }) })).verdict).toBe(verdict);
  });

  it('is only observed when the policy says nothing, or nothing that is known', () => {
    expect(checkGuardrails(request({ team: teamWith({ modes: [] }) }))).toEqual({
      verdict: 'observe',
      guardrail: 'mode',
      why: 'The policy only observes cluster.resize-container here.',
    });
    const unknown = {
      ...teamWith({}),
      modes: [{ action: '*', cluster: '*', namespace: '*', repository: '*', mode: 'yolo' }],
    };
    expect(checkGuardrails(request({ team: unknown as unknown as TeamPolicy })).verdict).toBe('observe');
  });
});

describe('the mode', () => {
  it('is that of the first rule that matches action, cluster and namespace', () => {
    const team = teamWith({
      modes: [
        { action: 'ci.*', mode: 'auto' },
        { cluster: 'stage', mode: 'auto' },
        { namespace: 'pay*', mode: 'observe' },
        { action: '*.resize-container', mode: 'approve' },
        { mode: 'auto' },
      ],
    });
    const scope = { cluster: 'prod', namespace: 'shop' };
    expect(modeOf(team, 'cluster.resize-container', scope)).toBe('approve');
    expect(modeOf(team, 'cluster.patch-template', scope)).toBe('auto');
    expect(modeOf(team, 'cluster.resize-container', { cluster: 'stage', namespace: 'pay' })).toBe('auto');
    expect(modeOf(team, 'cluster.resize-container', { cluster: 'prod', namespace: 'payments' })).toBe('observe');
  });
});

describe('a change of a repository', () => {
  const team = teamWith({
    modes: [
      { action: 'ci.*', repository: 'web-*', mode: 'auto' },
      { cluster: 'prod', mode: 'approve' },
    ],
    windows: [{ name: 'release', repository: 'web-shop', days: ['sat'] }],
    protect: { namespaces: ['*'] },
  });
  const action = { ...proposal({}), kind: 'ci.rerun', target: { repository: 'web-api' } };

  it('takes its place from its target, and has no namespace that could be protected', () => {
    expect(placeOf({ workspace: 'acme' }, action.target)).toEqual({
      cluster: '',
      namespace: '',
      repository: 'web-api',
    });
    const scope = placeOf({ workspace: 'acme' }, action.target);
    expect(checkGuardrails(request({ team, action, scope }))).toEqual({ verdict: 'apply' });
    expect(modeOf(team, 'ci.rerun', { ...scope, repository: 'api' })).toBe('observe');
    expect(modeOf(team, 'cluster.resize-container', { cluster: 'prod', namespace: 'shop' })).toBe('approve');
  });

  it('is held by a window of its repository alone', () => {
    const at = (repository: string): unknown =>
      checkGuardrails(request({ team, action, scope: { cluster: '', namespace: '', repository } }));
    expect(at('web-shop')).toMatchObject({ verdict: 'refuse', guardrail: 'window' });
    expect(at('web-api')).toMatchObject({ verdict: 'apply' });
  });

  it('is possible in a workspace as soon as one repository is open', () => {
    const closed = teamWith({ modes: [{ mode: 'observe' }, { repository: 'web-*', mode: 'auto' }] });
    expect(onlyObserves(team, 'ci.rerun', { workspace: 'acme' })).toBe(false);
    expect(onlyObserves(closed, 'ci.rerun', { workspace: 'acme' })).toBe(true);
    expect(onlyObserves(team, 'ci.rerun', { workspace: 'acme', repository: 'api' })).toBe(true);
    expect(onlyObserves(team, 'ci.rerun', { cluster: 'stage', namespace: 'shop' })).toBe(true);
  });
});

describe('protected', () => {
  it.each([
    ['a name', { protect: { names: ['web-*'] } }, {}, 'web-1 is protected by the policy ("web-*").'],
    ['a namespace', { protect: { namespaces: ['sh*'] } }, {}, 'The namespace shop is protected by the policy ("sh*").'],
    ['a label', {}, { labels: { 'nightshift.dev/protect': '' } }, 'label or annotation nightshift.dev/protect'],
    ['a label with any value', {}, { labels: { 'nightshift.dev/protect': 'False' } }, 'label or annotation'],
    ['a label of the team', { protect: { label: 'team/keep' } }, { labels: { 'team/keep': 'true' } }, 'team/keep'],
  ])('refuses by %s', (_, policy, guard, why) => {
    const verdict = checkGuardrails(request({ team: teamWith(policy), action: proposal(guard) }));
    expect(verdict).toMatchObject({ verdict: 'refuse', guardrail: 'protected', why: expect.stringContaining(why) });
  });

  it('leaves out a label that says false, and names that are alike', () => {
    const team = teamWith({ protect: { names: ['web', 'eb-1'] } });
    const action = proposal({ labels: { 'nightshift.dev/protect': 'false', protect: 'true' } });
    expect(checkGuardrails(request({ team, action })).verdict).toBe('apply');
  });

  it('cannot be checked without a name', () => {
    expect(checkGuardrails(request({ action: proposal({ names: [] }) }))).toMatchObject({ guardrail: 'protected' });
  });

  it("keeps the vendor's namespaces by default", () => {
    const scope = { cluster: 'prod', namespace: 'kube-system' };
    expect(checkGuardrails(request({ scope }))).toMatchObject({ verdict: 'refuse', guardrail: 'protected' });
  });
});

describe('paused', () => {
  it('refuses by the policy and by the store, and says by whom', () => {
    expect(checkGuardrails(request({ team: teamWith({ paused: true }) }))).toEqual({
      verdict: 'refuse',
      guardrail: 'paused',
      why: 'Paused by the policy (paused: true): observe, report, touch nothing.',
    });
    expect(checkGuardrails(request({ paused: { why: 'by ada until 18:00: sale' } }))).toMatchObject({
      verdict: 'refuse',
      guardrail: 'paused',
      why: 'Paused (by ada until 18:00: sale): observe, report, touch nothing.',
    });
  });
});

describe('window', () => {
  it('refuses within an open window of the scope, in the time zone of the policy', () => {
    // NOW is 12:00 in UTC and 13:00 in Berlin.
    const windows = [{ name: 'lunch', cluster: 'prod', from: '13:00', to: '14:00' }];
    const berlin = teamWith({ windows, timezone: 'Europe/Berlin' });
    expect(checkGuardrails(request({ team: berlin }))).toMatchObject({
      verdict: 'refuse',
      guardrail: 'window',
      why: 'The window "lunch" is open: nothing is changed in it.',
    });
    expect(checkGuardrails(request({ team: teamWith({ windows }) })).verdict).toBe('apply');
  });
});

describe('step and growth', () => {
  it.each([
    [1.5, 'apply'],
    [1.5000000000000002, 'apply'],
    [1.500001, 'refuse'],
    [1 / 1.5, 'apply'],
    [0.66, 'refuse'],
    [1, 'apply'],
  ])('a step of %d: %s', (step, verdict) => {
    const given = checkGuardrails(request({ growth: { step, total: undefined } }));
    expect(given).toMatchObject(verdict === 'apply' ? { verdict } : { verdict, guardrail: 'step' });
  });

  it.each([
    [undefined, 'apply'],
    [2, 'apply'],
    [2.01, 'refuse'],
    [0.5, 'apply'],
  ])('a total of %s times the declared size: %s', (total, verdict) => {
    const given = checkGuardrails(request({ growth: { step: 1.25, total } }));
    expect(given).toMatchObject(verdict === 'apply' ? { verdict } : { verdict, guardrail: 'growth' });
  });

  it('say the numbers', () => {
    expect(checkGuardrails(request({ growth: { step: 1.75, total: undefined } }))).toMatchObject({
      why: 'The step is too large: 1.75 times the size before, where the policy allows 0.66666667 to 1.5.',
    });
    expect(checkGuardrails(request({ growth: { step: 1.25, total: 2.5 } }))).toMatchObject({
      why: 'The growth is too large: 2.5 times what the workload declares, where the policy allows 2.',
    });
  });
});

describe('budget', () => {
  const team = teamWith({ guardrails: { actionsPerHour: 2 } });
  const begunAt = (...times: string[]): ReturnType<typeof change>[] =>
    times.map((time, index) => change({ at: `2026-11-21T${time}Z`, workload: `other-${index}` }));

  it('refuses the change after the last one, and says when the next is free', () => {
    expect(checkGuardrails(request({ team, recent: begunAt('11:30:00', '11:10:00') }))).toEqual({
      verdict: 'refuse',
      guardrail: 'budget',
      why: 'The budget is used up: 2 of 2 changes in the last hour, next at 2026-11-21T12:10:00.000Z.',
    });
  });

  it('forgets a change after 60 minutes, not before', () => {
    expect(checkGuardrails(request({ team, recent: begunAt('11:00:00', '11:30:00') })).verdict).toBe('apply');
    expect(checkGuardrails(request({ team, recent: begunAt('11:00:00.001', '11:30:00') })).verdict).toBe('refuse');
  });

  it('names the right moment when more were begun than the budget now allows', () => {
    expect(checkGuardrails(request({ team, recent: begunAt('11:10:00', '11:20:00', '11:30:00') }))).toMatchObject({
      why: 'The budget is used up: 3 of 2 changes in the last hour, next at 2026-11-21T12:20:00.000Z.',
    });
  });

  it('counts a change from a clock that runs ahead, and leaves out undoing', () => {
    expect(checkGuardrails(request({ team, recent: begunAt('13:00:00', '11:30:00') }))).toMatchObject({
      guardrail: 'budget',
    });
    const undone = begunAt('11:20:00', '11:30:00').map((entry) => ({ ...entry, undo: true }));
    expect(checkGuardrails(request({ team, recent: undone })).verdict).toBe('apply');
  });

  it('counts kinds with a budget of their own apart, and what does not say its kind everywhere', () => {
    const rerun = { ...proposal({}), kind: 'ci.rerun' };
    const own = teamWith({ guardrails: { actionsPerHour: 2, ofKind: { 'ci.rerun': { actionsPerHour: 3 } } } });
    const ofKind = (kind: string | undefined, count: number): ReturnType<typeof change>[] =>
      begunAt(...Array.from({ length: count }, (_, index) => `11:3${String(index)}:00`)).map((entry) =>
        kind === undefined ? entry : { ...entry, kind },
      );
    const verdict = (action: ReturnType<typeof proposal>, recent: ReturnType<typeof change>[]): string =>
      checkGuardrails(request({ team: own, action, recent })).verdict;
    expect(verdict(rerun, ofKind('cluster.resize-container', 5))).toBe('apply');
    expect(verdict(rerun, ofKind('ci.rerun', 2))).toBe('apply');
    expect(verdict(rerun, ofKind('ci.rerun', 3))).toBe('refuse');
    expect(verdict(proposal({}), ofKind('ci.rerun', 9))).toBe('apply');
    expect(verdict(proposal({}), ofKind('cluster.resize-container', 2))).toBe('refuse');
    expect([verdict(rerun, ofKind(undefined, 3)), verdict(proposal({}), ofKind(undefined, 2))]).toEqual([
      'refuse',
      'refuse',
    ]);
  });

  it('of nothing allows nothing', () => {
    const none = teamWith({ guardrails: { actionsPerHour: 0 } });
    expect(checkGuardrails(request({ team: none }))).toMatchObject({
      guardrail: 'budget',
      why: expect.stringContaining('next never'),
    });
  });
});

describe('share of a workload', () => {
  const of = (workloadSize: number, touches = 1, part?: string): ReturnType<typeof proposal> =>
    proposal({ workloadSize, touches, ...(part === undefined ? {} : { part }) });

  it.each([
    [1, 0, 'apply'],
    [1, 1, 'refuse'],
    [3, 0, 'apply'],
    [3, 1, 'refuse'],
    [4, 1, 'apply'],
    [4, 2, 'refuse'],
    [10, 4, 'apply'],
    [10, 5, 'refuse'],
  ])('of %d parts with %d under way: %s', (workloadSize, underWay, verdict) => {
    const recent = Array.from({ length: underWay }, () => change({}));
    const given = checkGuardrails(request({ action: of(workloadSize), recent }));
    expect(given).toMatchObject(verdict === 'apply' ? { verdict } : { verdict, guardrail: 'share' });
  });

  it('says the numbers', () => {
    expect(checkGuardrails(request({ action: of(4), recent: [change({ touches: 2 })] }))).toMatchObject({
      why: 'Too much of Deployment/web at once: 2 of 4 parts were changed in the last 10m, and with this one it would be 3 where the policy allows 2.',
    });
  });

  it('counts what was begun within the settle time, of this workload, undoing too', () => {
    const action = of(2);
    expect(checkGuardrails(request({ action, recent: [change({ at: '2026-11-21T11:50:00Z' })] })).verdict).toBe(
      'apply',
    );
    expect(checkGuardrails(request({ action, recent: [change({ at: '2026-11-21T11:50:00.001Z' })] })).verdict).toBe(
      'refuse',
    );
    expect(checkGuardrails(request({ action, recent: [change({ workload: 'Deployment/other' })] })).verdict).toBe(
      'apply',
    );
    expect(checkGuardrails(request({ action, recent: [change({ undo: true })] })).verdict).toBe('refuse');
  });

  it('takes two changes of one part for one', () => {
    const recent = [change({ part: 'web-1' })];
    expect(checkGuardrails(request({ action: of(2, 1, 'web-1'), recent })).verdict).toBe('apply');
    expect(checkGuardrails(request({ action: of(2, 1, 'web-2'), recent })).verdict).toBe('refuse');
    expect(checkGuardrails(request({ action: of(2, 1, 'web-1'), recent: [change({})] })).verdict).toBe('refuse');
  });

  it('lets a template change through, since its rollout has a share of its own, but not beside another one of a single part', () => {
    expect(checkGuardrails(request({ action: of(4, 4), recent: [change({ touches: 2 })] })).verdict).toBe('apply');
    expect(checkGuardrails(request({ action: of(4, 3), recent: [] })).verdict).toBe('refuse');
    expect(checkGuardrails(request({ action: of(1, 1), recent: [change({})] })).verdict).toBe('refuse');
  });

  it('is of the decimal number that the policy says', () => {
    const team = teamWith({ guardrails: { workloadShare: 0.29, actionsPerHour: 1000 } });
    const recent = Array.from({ length: 28 }, () => change({}));
    expect(checkGuardrails(request({ team, action: of(100), recent })).verdict).toBe('apply');
    expect(checkGuardrails(request({ team, action: of(100), recent: [...recent, change({})] })).verdict).toBe('refuse');
  });
});

describe('the order', () => {
  it('is fixed, and the first that refuses is named', () => {
    expect(GUARDRAILS.map(({ name }) => name)).toEqual([
      'protected',
      'paused',
      'window',
      'step',
      'growth',
      'budget',
      'share',
    ]);
    const everything = {
      team: teamWith({
        paused: true,
        protect: { names: ['web-1'] },
        windows: [{ name: 'always', from: '00:00', to: '24:00' }],
        guardrails: { actionsPerHour: 0 },
      }),
      growth: { step: 9, total: 9 },
    };
    expect(checkGuardrails(request(everything))).toMatchObject({ guardrail: 'protected' });
  });
});

describe('an error inside', () => {
  const thrower = (property: keyof GuardrailInput): GuardrailInput =>
    Object.defineProperty({ ...request({}) }, property, {
      get: () => {
        throw new Error(`the store forgot ${property}`);
      },
    });

  it.each(['action', 'now', 'scope', 'team', 'recent', 'paused', 'growth'] as const)(
    'refuses when %s cannot be read',
    (property) => {
      expect(checkGuardrails(thrower(property))).toMatchObject({
        verdict: 'refuse',
        why: expect.stringContaining(`failed, so nothing is touched: the store forgot ${property}`),
      });
    },
  );

  it.each([
    ['no step', { growth: { step: undefined, total: undefined } }, 'step'],
    ['a step that is no number', { growth: { step: Number.NaN, total: undefined } }, 'step'],
    ['an endless step', { growth: { step: Number.POSITIVE_INFINITY, total: undefined } }, 'step'],
    ['a step of nothing', { growth: { step: 0, total: undefined } }, 'step'],
    ['a total that is no number', { growth: { step: 1, total: Number.NaN } }, 'growth'],
    ['a total of null', { growth: { step: 1, total: null } }, 'growth'],
    [
      'no budget',
      { team: { ...teamWith({}), guardrails: { ...teamWith({}).guardrails, actionsPerHour: undefined } } },
      'budget',
    ],
    ['no step factor', { team: { ...teamWith({}), guardrails: {} } }, 'step'],
    [
      'no share',
      { team: { ...teamWith({}), guardrails: { ...teamWith({}).guardrails, workloadShare: Number.NaN } } },
      'share',
    ],
    [
      'a wrong settle time',
      { team: { ...teamWith({}), guardrails: { ...teamWith({}).guardrails, settle: 'soon' } } },
      'share',
    ],
    ['no windows', { team: { ...teamWith({}), windows: undefined } }, 'window'],
    ['an unknown time zone', { team: { ...teamWith({}), timezone: 'Mars/Olympus' } }, 'window'],
    ['no pause switch', { team: { ...teamWith({}), paused: undefined } }, 'paused'],
    ['a pause without a reason', { paused: null }, 'paused'],
    ['no modes', { team: { ...teamWith({}), modes: undefined } }, 'mode'],
    ['a time that is none', { now: 'now' }, 'window'],
    ['a change at no time', { recent: [change({ at: '' })] }, 'budget'],
    ['a change of NaN parts', { recent: [change({ touches: Number.NaN })] }, 'share'],
    ['no guard', { action: { ...proposal({}), guard: undefined } }, 'protected'],
    ['a workload of nothing', { action: proposal({ workloadSize: 0 }) }, 'share'],
    ['half a part', { action: proposal({ touches: 0.5 }) }, 'share'],
    ['no parts at all', { action: proposal({ touches: 0 }) }, 'share'],
    ['more parts than there are', { action: proposal({ workloadSize: 2, touches: 3 }) }, 'share'],
  ])('refuses for %s', (_, fields, guardrail) => {
    const input = { ...request({}), ...fields } as unknown as GuardrailInput;
    expect(checkGuardrails(input)).toMatchObject({ verdict: 'refuse', guardrail });
  });

  it.each([undefined, null, {}, 'garbage'])('refuses %j as a whole', (garbage) => {
    expect(checkGuardrails(garbage as unknown as GuardrailInput).verdict).toBe('refuse');
  });
});

it('the base request of these tests passes', () => {
  expect(checkGuardrails(request({}))).toEqual({ verdict: 'apply' });
  expect(request({}).now).toBe(NOW);
});

// What holds for every decision, whatever the facts: property tests over random namespaces.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { needsOf } from '../../../functions/rebalance/needs.ts';
import { report } from '../../../functions/rebalance/report.ts';
import type { ContainerFacts, PodFacts, RebalanceFacts } from '../../../functions/rebalance/schema-facts.ts';
import type { DecidedOutcome, OutcomeState } from '../../../shared/core/report.ts';
import { cpuMillicores, memoryBytes } from '../../../shared/core/quantity.ts';
import { ago, container, decideOn, facts, GI, kills, MI, pastChange, pod, policy, workload } from './build.ts';

const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(value, { freq: 8 });

function containerArbitrary(name: string, guaranteed: boolean): fc.Arbitrary<ContainerFacts> {
  return fc
    .record({
      limitMi: fc.constantFrom(64, 100, 512, 1024, 1536, 1700),
      requestShare: fc.constantFrom(0.1, 0.5, 1),
      hasLimit: fc.boolean(),
      cpu: fc.constantFrom('11m', '100m', '1', '2500m'),
      use: fc.constantFrom(0.01, 0.05, 0.5, 0.95, 1.2),
      p95: fc.constantFrom(0.05, 0.3, 0.6),
      cpuUse: fc.constantFrom(0.01, 0.1, 0.5),
      samples: maybe(fc.constantFrom(0, 10, 72, 288)),
      fresh: maybe(fc.boolean()),
      killed: fc.constantFrom([], [1], [1, 2, 3], [20, 21, 22, 23]),
      floor: maybe(fc.constantFrom(0.01, 0.5)),
      state: fc.constantFrom('running' as const, 'running' as const, 'waiting' as const),
      resizedAt: maybe(fc.constantFrom(ago(2), ago(30))),
    })
    .map((one): ContainerFacts => {
      const limit = one.limitMi * MI;
      const requestMi = guaranteed ? one.limitMi : Math.ceil(one.limitMi * one.requestShare);
      const memory = `${requestMi}Mi`;
      const cores = cpuMillicores(one.cpu) / 1000;
      return container({
        name,
        requests: { cpu: one.cpu, memory },
        limits: guaranteed ? { cpu: one.cpu, memory } : one.hasLimit ? { memory: `${one.limitMi}Mi` } : {},
        state: one.state,
        resizedAt: one.resizedAt,
        memory: {
          averageBytes: limit * one.use * one.requestShare,
          p95Bytes: limit * one.p95,
          maximumBytes: limit * one.p95,
          samples: one.samples,
          fresh: one.fresh,
        },
        cpu: {
          averageCores: cores * one.cpuUse,
          p95Cores: cores * one.p95,
          maximumCores: cores,
          samples: one.samples,
          fresh: one.fresh,
        },
        oomKills: kills(...one.killed),
        floors: one.floor === null ? null : { memoryMaximumBytes: limit * one.floor, cpuP95Cores: cores * one.floor },
      });
    });
}

function podArbitrary(index: number): fc.Arbitrary<PodFacts> {
  return fc
    .record({
      guaranteed: fc.boolean(),
      phase: fc.constantFrom('Running', 'Running', 'Running', 'Pending', 'Succeeded', 'Failed'),
      terminating: fc.constantFrom(false, false, false, true),
      owner: fc.constantFrom({ kind: 'Deployment', name: 'shop' }, null, { kind: 'Job', name: 'nightly' }),
      two: fc.boolean(),
    })
    .chain(({ guaranteed, two, ...rest }) =>
      fc.tuple(containerArbitrary('app', guaranteed), containerArbitrary('proxy', guaranteed)).map(([app, proxy]) =>
        pod(`shop-${index}`, two ? [app, proxy] : [app], {
          ...rest,
          qosClass: guaranteed ? 'Guaranteed' : 'Burstable',
        }),
      ),
    );
}

const factsArbitrary: fc.Arbitrary<RebalanceFacts> = fc
  .record({
    pods: fc
      .integer({ min: 0, max: 5 })
      .chain((count) => fc.tuple(...Array.from({ length: count }, (_, index) => podArbitrary(index)))),
    podResize: fc.boolean(),
    freeMi: fc.constantFrom(0, 300, 8192),
    unusable: fc.constantFrom(null, null, null, 'The metrics are dead.'),
    history: fc.constantFrom(
      [],
      [pastChange(3, { targetUid: 'uid-shop-0' })],
      [pastChange(100, { targetUid: 'uid-shop-0' }), pastChange(8, { targetUid: 'uid-shop-0' })],
    ),
  })
  .map(({ pods, podResize, freeMi, unusable, history }) =>
    facts(pods, {
      server: { version: 'v1', major: 1, minor: podResize ? 34 : 29, podResize },
      workloads: [workload({}, [{ limits: { memory: '1Gi' } }, { name: 'proxy', limits: { memory: '512Mi' } }])],
      nodes: {
        items: [
          {
            name: 'node-1',
            allocatableMemoryBytes: 16 * GI,
            unschedulable: false,
            requestedMemoryBytes: 16 * GI - freeMi * MI,
          },
        ],
      },
      metrics: { unusable, oomKillsUnknown: null, problems: [] },
      history: [...history],
    }),
  );

function acts(given: RebalanceFacts) {
  return decideOn(given).flatMap((decision) => {
    const found = given.pods.find(({ name }) => name === decision.subject['pod']);
    const one = found?.containers.find(({ name }) => name === decision.subject['container']);
    return decision.action !== undefined && found !== undefined && one !== undefined
      ? [{ decision, action: decision.action, pod: found, container: one }]
      : [];
  });
}

function sizes(of: unknown): { requests: Record<string, string>; limits: Record<string, string> } {
  return of as { requests: Record<string, string>; limits: Record<string, string> };
}

describe('every decision', () => {
  test('each container of a pod that has not ended has exactly one, with a rule and evidence', () => {
    fc.assert(
      fc.property(factsArbitrary, (given) => {
        const expected = given.pods
          .filter(({ phase }) => phase !== 'Succeeded' && phase !== 'Failed')
          .flatMap(({ name, containers }) => containers.map((one) => `${name}/${one.name}`));
        const decisions = decideOn(given);
        expect(decisions.map(({ subject }) => `${subject['pod'] ?? ''}/${subject['container'] ?? ''}`)).toEqual(
          expected,
        );
        for (const { verdict, action, escalation, reason } of decisions) {
          expect(action !== undefined).toBe(verdict === 'act');
          expect(escalation !== undefined).toBe(verdict === 'escalate');
          expect(reason.rule).toMatch(/^rebalance\/[a-z-]+$/);
          expect(reason.sentence).toMatch(/\S.*\.$/s);
        }
      }),
    );
  });

  test('nothing is done without data', () => {
    fc.assert(
      fc.property(factsArbitrary, (given) => {
        for (const { container: one, pod: of, decision } of acts(given)) {
          expect(given.metrics.unusable).toBeNull();
          expect(of.phase === 'Running' && !of.terminating).toBe(true);
          const isShared = decision.action?.kind === 'cluster.patch-template';
          if (!isShared && decision.reason.rule !== 'rebalance/raise-memory-after-oom') {
            expect(one.memory.samples).toBeGreaterThanOrEqual(72);
            expect(one.memory.fresh).toBe(true);
          }
        }
      }),
    );
  });

  test('a QoS class never changes, and a raise never passes its step or its cap', () => {
    fc.assert(
      fc.property(factsArbitrary, (given) => {
        for (const { action, pod: of, container: one, decision } of acts(given)) {
          const [from, to] = [sizes(action.from), sizes(action.to)];
          if (of.qosClass === 'Guaranteed' && action.kind === 'cluster.resize-container') {
            const after = { requests: { ...one.requests, ...to.requests }, limits: { ...one.limits, ...to.limits } };
            expect(after.requests).toEqual(after.limits);
          }
          if (decision.reason.rule.startsWith('rebalance/raise-') && to.limits['memory'] !== undefined) {
            const [before, after] = [memoryBytes(from.limits['memory'] ?? '0'), memoryBytes(to.limits['memory'])];
            expect(after).toBeGreaterThan(before);
            expect(after).toBeLessThan(before * 1.25 + MI);
            const declared = sizes(action.guard.declared).limits['memory'];
            expect(after).toBeLessThanOrEqual(2 * memoryBytes(declared ?? '0'));
          }
        }
      }),
    );
  });

  test('a trim never goes under its floors nor leaves a limit under its request', () => {
    fc.assert(
      fc.property(factsArbitrary, (given) => {
        for (const { action, container: one, decision } of acts(given)) {
          if (decision.reason.rule !== 'rebalance/lower-requests-when-idle') {
            continue;
          }
          const { requests, limits } = sizes(action.to);
          if (requests['memory'] !== undefined) {
            expect(memoryBytes(requests['memory'])).toBeGreaterThanOrEqual(
              Math.max((one.floors?.memoryMaximumBytes ?? 0) * 1.15 - 1, 32 * MI),
            );
          }
          if (requests['cpu'] !== undefined) {
            expect(cpuMillicores(requests['cpu'])).toBeGreaterThanOrEqual(
              Math.max((one.floors?.cpuP95Cores ?? 0) * 1150 - 0.001, 10),
            );
          }
          for (const [resource, limit] of Object.entries(limits)) {
            expect(limit).toBe(requests[resource]);
          }
        }
      }),
    );
  });

  test('raises of one run never promise more than the node has', () => {
    fc.assert(
      fc.property(factsArbitrary, (given) => {
        const node = given.nodes !== null && 'items' in given.nodes ? given.nodes.items[0] : undefined;
        const free = (node?.allocatableMemoryBytes ?? 0) - (node?.requestedMemoryBytes ?? 0);
        const promised = acts(given)
          .filter(
            ({ action, decision }) =>
              action.kind === 'cluster.resize-container' && decision.reason.rule.includes('raise-'),
          )
          .reduce(
            (sum, { action }) =>
              sum +
              memoryBytes(sizes(action.to).limits['memory'] ?? '0') -
              memoryBytes(sizes(action.from).limits['memory'] ?? '0'),
            0,
          );
        expect(promised).toBeLessThanOrEqual(free);
      }),
    );
  });

  test('the same facts give the same decisions, and what is needed is a function of them', () => {
    fc.assert(
      fc.property(factsArbitrary, (given) => {
        expect(JSON.stringify(decideOn(given))).toBe(JSON.stringify(decideOn(structuredClone(given))));
        expect(needsOf(given, policy())).toEqual(needsOf(structuredClone(given), policy()));
      }),
      { numRuns: 30 },
    );
  });

  test('what is trimmed or raised was asked for: without floors and rooms nothing but those is missing', () => {
    fc.assert(
      fc.property(factsArbitrary, (given) => {
        const bare = {
          ...given,
          nodes: null,
          pods: given.pods.map((one) => ({
            ...one,
            containers: one.containers.map((inner) => ({ ...inner, floors: null })),
          })),
        };
        const needs = needsOf(bare, policy());
        for (const { decision, pod: of } of acts(given)) {
          if (decision.reason.rule === 'rebalance/lower-requests-when-idle') {
            expect(needs.floors).toBe(true);
          } else {
            expect(needs.nodes).toBe(true);
            expect(given.server.podResize ? needs.podsOnNodes : []).toEqual(given.server.podResize ? [of.node] : []);
          }
        }
      }),
    );
  });
});

describe('every report', () => {
  const state = fc.constantFrom<OutcomeState[]>(
    'applied',
    'repeated',
    'waiting',
    'planned',
    'observed',
    'refused',
    'stale',
    'failed',
    'unknown',
  );

  test('has each pod in exactly one list, and a code block that parses and fits', () => {
    fc.assert(
      fc.property(
        factsArbitrary,
        fc.array(state, { minLength: 12, maxLength: 12 }),
        fc.string({ unit: 'grapheme', maxLength: 400 }),
        (given, states, detail) => {
          const decided = decideOn(given).map((decision, index): DecidedOutcome =>
            decision.verdict === 'act'
              ? { decision, outcome: { state: states[index % 12] ?? 'applied', detail } }
              : { decision },
          );
          const { summary, message } = report({ facts: given, policy: policy(), decided, dryRun: false });
          const lists = ['pods_rebalanced', 'pods_escalated', 'pods_skipped'].map((key) => [
            ...new Set((summary[key] as { name: string }[]).map(({ name }) => name)),
          ]);
          expect(lists.flat().sort()).toEqual(given.pods.map(({ name }) => name));
          for (const list of lists) {
            expect(list).toEqual([...list].sort());
          }
          const block = message.blocks.find(({ kind }) => kind === 'code');
          const json = block?.kind === 'code' ? block.text : '';
          expect(JSON.parse(json)).toMatchObject({ namespace: 'default', pods_scanned: given.pods.length });
          expect(
            json.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').length,
          ).toBeLessThanOrEqual(2900);
        },
      ),
    );
  });
});

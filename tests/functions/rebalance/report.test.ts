import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { report } from '../../../functions/rebalance/report.ts';
import { summaryText } from '../../../functions/rebalance/report-code.ts';
import type { RebalanceFacts } from '../../../functions/rebalance/schema-facts.ts';
import type { Message } from '../../../shared/core/document.ts';
import { MESSAGE_CODE_CHARACTERS } from '../../../shared/core/document.ts';
import { fingerprintOf } from '../../../shared/core/fingerprint.ts';
import type { DecidedOutcome, OutcomeState } from '../../../shared/core/report.ts';
import { container, decideOn, facts, idleContainer, MI, oomContainer, pod, policy, workload } from './build.ts';

function reportOn(
  given: RebalanceFacts,
  state: OutcomeState = 'applied',
  detail = 'Done.',
  dryRun = false,
  by = policy(),
) {
  const decided = decideOn(given, by).map((decision): DecidedOutcome =>
    decision.verdict === 'act' ? { decision, outcome: { state, detail } } : { decision },
  );
  return { ...report({ facts: given, policy: by, decided, dryRun }), decided };
}

/** What the message lists; its sentences say some of it too. */
function linesOf(message: Message): string {
  return message.blocks
    .filter((block) => block.kind !== 'paragraph' || block.role !== 'words')
    .flatMap((block) => (block.kind === 'list' ? block.lines : block.kind === 'paragraph' ? [block.line] : []))
    .map((line) => line.map((span) => span.text).join(''))
    .join('\n');
}

const odd = container({
  cpu: { averageCores: 0.1, p95Cores: 0.9, maximumCores: 1, samples: 288, fresh: true },
  memory: { averageBytes: 100 * MI, p95Bytes: 100 * MI, maximumBytes: 100 * MI, samples: 288, fresh: true },
});

describe('the summary', () => {
  const given = facts([
    pod('a', [oomContainer()]),
    pod('b', [idleContainer()]),
    pod('c', [odd]),
    pod('d', [container()]),
    pod('e', [container()], { phase: 'Succeeded' }),
  ]);

  test('has the agreed shape, keys in the agreed order', () => {
    expect(JSON.stringify(reportOn(given).summary)).toBe(
      JSON.stringify({
        namespace: 'default',
        pods_scanned: 5,
        pods_rebalanced: [
          { name: 'a', cpu_limit: '2', mem_limit: '1280Mi' },
          { name: 'b', cpu_limit: '2', mem_limit: '1Gi', cpu_request: '800m', mem_request: '410Mi' },
        ],
        pods_escalated: [{ name: 'c', reason: 'inconsistent metrics' }],
        pods_skipped: [
          { name: 'd', reason: 'healthy' },
          { name: 'e', reason: 'completed' },
        ],
      }),
    );
  });

  test('a dry run says so at its end', () => {
    const { summary } = reportOn(given, 'planned', '', true);
    expect(Object.keys(summary).at(-1)).toBe('dry_run');
    expect(summary['pods_rebalanced']).toHaveLength(2);
  });

  test.each([
    ['applied', 'pods_rebalanced', undefined],
    ['repeated', 'pods_rebalanced', undefined],
    ['observed', 'pods_skipped', 'observed only: memory limit 1Gi → 1280Mi (why)'],
    ['waiting', 'pods_skipped', 'waiting for approval: memory limit 1Gi → 1280Mi (why)'],
    ['refused', 'pods_skipped', 'refused: memory limit 1Gi → 1280Mi (why)'],
    ['stale', 'pods_skipped', 'changed meanwhile: memory limit 1Gi → 1280Mi (why)'],
    ['failed', 'pods_escalated', 'failed: why'],
    ['unknown', 'pods_escalated', 'unknown end: why'],
  ] as const)('a raise that was %s is in %s', (state, list, reason) => {
    const { summary } = reportOn(facts([pod('a', [oomContainer()])]), state, 'why');
    const [entry] = summary[list] as { name: string; reason?: string }[];
    expect(entry?.name).toBe('a');
    expect(entry?.reason).toBe(reason);
  });

  test('a container without a CPU limit has none after the change either', () => {
    const { summary } = reportOn(facts([pod('a', [oomContainer({ limits: { memory: '1Gi' } })])]));
    expect(summary['pods_rebalanced']).toEqual([{ name: 'a', cpu_limit: null, mem_limit: '1280Mi' }]);
  });

  test('a pod with several containers names them, one entry for each that changed', () => {
    const two = [oomContainer(), container({ name: 'idle' }), oomContainer({ name: 'proxy' })];
    const { summary } = reportOn(facts([pod('a', two)]));
    expect(summary['pods_rebalanced']).toEqual([
      { name: 'a', container: 'app', cpu_limit: '2', mem_limit: '1280Mi' },
      { name: 'a', container: 'proxy', cpu_limit: '2', mem_limit: '1280Mi' },
    ]);
    expect(summary['pods_skipped']).toEqual([]);
  });

  test('an escalated pod says what was changed beside it', () => {
    const { summary } = reportOn(facts([pod('a', [odd, oomContainer({ name: 'proxy' })])]));
    expect(summary['pods_rebalanced']).toEqual([]);
    expect(summary['pods_escalated']).toEqual([
      {
        name: 'a',
        container: 'app',
        reason: 'inconsistent metrics',
        changed: [{ container: 'proxy', cpu_limit: '2', mem_limit: '1280Mi' }],
      },
    ]);
  });

  test('the most telling reason speaks for a skipped pod', () => {
    const two = [container(), oomContainer({ name: 'proxy' })];
    const given2 = facts([pod('a', two)], { workloads: [workload({ isObserved: false })] });
    expect(reportOn(given2).summary['pods_skipped']).toEqual([{ name: 'a', reason: 'rollout in progress' }]);
  });
});

describe('the message', () => {
  test('tells each change with before, after, rule and how long it lasts', () => {
    const { message } = reportOn(facts([pod('a', [oomContainer()])]));
    expect(message.title).toBe('✅ Resource Rebalance Completed');
    expect(linesOf(message)).toContain(
      'a/app memory limit 1Gi → 1280Mi by rebalance/raise-memory-after-oom: OOM-killed 3 times in 24h.',
    );
    expect(linesOf(message)).toContain('Lasts until the next rollout: the template still says 1Gi.');
    expect(message.file).toBeUndefined();
  });

  test('tells of a restart and of a bare pod', () => {
    const restarting = facts([pod('a', [oomContainer({ restartsFor: ['memory'] })])]);
    expect(linesOf(reportOn(restarting).message)).toContain('Restarts the container; lasts until the next rollout');
    const bare = facts([pod('a', [oomContainer()], { owner: null })]);
    expect(linesOf(reportOn(bare).message)).toContain('Lasts until the pod is made anew.');
  });

  test('tells a template once for all its pods', () => {
    const pods = [pod('a', [oomContainer()]), pod('b', [oomContainer()])];
    const lines = linesOf(reportOn(facts(pods), 'applied', '', false, policy({ apply: 'rollout' })).message);
    expect(lines.match(/memory limit 1Gi → 1280Mi/g)).toHaveLength(1);
    expect(lines).toContain('Deployment/shop/app');
    expect(lines).toContain('2 pods are replaced');
  });

  test('links each issue by its fingerprint, once for a workload and rule', () => {
    const { message, decided } = reportOn(facts([pod('a', [odd]), pod('b', [odd])]));
    const spans = message.blocks
      .flatMap((block) => (block.kind === 'list' ? block.lines.flat() : []))
      .filter((span) => 'issue' in span);
    expect(spans).toEqual([
      { issue: fingerprintOf(decided[0]?.decision.escalation?.about), text: 'inconsistent metrics' },
    ]);
    expect(linesOf(message)).toContain('(and 1 more)');
  });

  test('tells what was wanted and not done, and why', () => {
    const { message } = reportOn(
      facts([pod('a', [oomContainer()])]),
      'refused',
      'Budget used up: 20 of 20 in the last hour.',
    );
    expect(linesOf(message)).toContain(
      'a/app memory limit 1Gi → 1280Mi by rebalance/raise-memory-after-oom: refused. Budget used up',
    );
  });

  test('corrects what an earlier message told', () => {
    const given = facts(
      [pod('shop-1', [container()], { resize: { state: 'infeasible', message: 'Node has no room', since: null } })],
      {
        history: [
          {
            id: 'x',
            kind: 'cluster.resize-container',
            targetUid: 'uid-shop-1',
            container: 'app',
            workload: 'Deployment/shop',
            at: '2026-11-20T03:00:00.000Z',
            stands: true,
            from: { requests: {}, limits: { memory: '800Mi' } },
            to: { requests: {}, limits: { memory: '1Gi' } },
          },
        ],
      },
    );
    const [correction] = reportOn(given).corrections ?? [];
    expect(correction?.actionId).toBe('x');
    expect(correction === undefined ? '' : linesOf(correction.message)).toContain(
      'shop-1/app was told as rebalanced: Our change of 2026-11-20T03:00:00.000Z (memory limit 800Mi → 1Gi)',
    );
  });

  test.each([
    ['planned', true, [], '🔍 Resource Rebalance (dry run)'],
    ['observed', false, [], '👀 Resource Rebalance (observing)'],
    ['applied', false, [{ kind: 'platform' as const, message: 'm' }], '⚠️ Resource Rebalance Completed With Problems'],
    ['refused', false, [{ kind: 'configuration' as const, message: 'm' }], '⛔ Resource Rebalance Refused'],
  ] as const)('%s (dry run %s) has its own title', (state, dryRun, problems, title) => {
    const metrics = { unusable: null, oomKillsUnknown: null, problems: [...problems] };
    expect(reportOn(facts([pod('a', [oomContainer()])], { metrics }), state, '', dryRun).message.title).toBe(title);
  });

  test('500 pods: the block keeps its shape with fewer skipped pods, the whole goes into the file', () => {
    const pods = Array.from({ length: 500 }, (_, index) =>
      pod(`pod-${String(index).padStart(3, '0')}`, [index === 7 ? oomContainer() : container()]),
    );
    const { message, summary } = reportOn(facts(pods));
    const block = message.blocks.find(({ kind }) => kind === 'code');
    const shown = JSON.parse(block?.kind === 'code' ? block.text : '') as Record<string, unknown[]>;
    expect(shown['pods_rebalanced']).toHaveLength(1);
    expect(Number(shown['pods_skipped_more']) + (shown['pods_skipped']?.length ?? 0)).toBe(499);
    expect(shown['pods_skipped']?.length).toBeGreaterThan(40);
    const file = message.file;
    expect(JSON.parse(file !== undefined && 'content' in file ? file.content : '')).toEqual(summary);
  });

  test('40 odd pods are told within the limits of a message', () => {
    const pods = Array.from({ length: 40 }, (_, index) => pod(`pod-${index}`, [odd], { owner: null }));
    const { message } = reportOn(facts(pods));
    expect(linesOf(message)).toContain('and 15 more, see the report of the run');
  });
});

describe('the code block', () => {
  const escaped = (value: string) => value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  const entry = fc.record({
    name: fc.string({ unit: 'grapheme', maxLength: 253 }),
    reason: fc.string({ unit: fc.constantFrom('<', '&', '"', '\\', 'ä', '`', '\n', 'x'), maxLength: 300 }),
  });
  const list = fc.array(entry, { maxLength: 60, size: 'max' });

  test('always parses, always fits and accounts for every pod', () => {
    fc.assert(
      fc.property(list, list, list, fc.boolean(), (rebalanced, escalated, skipped, dryRun) => {
        const { text, isWhole } = summaryText(facts([]), { rebalanced, escalated, skipped }, dryRun);
        const shown = JSON.parse(text) as Record<string, unknown>;
        expect(escaped(text).length).toBeLessThanOrEqual(MESSAGE_CODE_CHARACTERS);
        let left = 0;
        for (const [key, all] of Object.entries({
          pods_rebalanced: rebalanced,
          pods_escalated: escalated,
          pods_skipped: skipped,
        })) {
          const more = Number(shown[`${key}_more`] ?? 0);
          expect((shown[key] as unknown[]).length + more).toBe(all.length);
          left += more;
        }
        expect(isWhole).toBe(left === 0);
        expect(shown['dry_run']).toBe(dryRun ? true : undefined);
      }),
    );
  });

  test('counts what the chat escapes', () => {
    const skipped = Array.from({ length: 10 }, (_, index) => ({ name: `pod-${index}`, reason: '<&>'.repeat(60) }));
    const { text, isWhole } = summaryText(facts([]), { rebalanced: [], escalated: [], skipped }, false);
    expect(JSON.stringify(skipped).length).toBeLessThan(MESSAGE_CODE_CHARACTERS);
    expect(isWhole).toBe(false);
    expect(escaped(text).length).toBeLessThanOrEqual(MESSAGE_CODE_CHARACTERS);
  });

  test('gives up skipped pods first and escalated ones last', () => {
    const many = (count: number) =>
      Array.from({ length: count }, (_, index) => ({ name: `pod-${index}`, reason: 'x'.repeat(80) }));
    const shown = JSON.parse(
      summaryText(facts([]), { rebalanced: many(30), escalated: many(5), skipped: many(30) }, false).text,
    ) as Record<string, unknown[]>;
    expect(shown['pods_skipped']).toEqual([]);
    expect(shown['pods_escalated']).toHaveLength(5);
    expect(shown['pods_rebalanced']?.length).toBeGreaterThan(5);
    expect(shown['pods_rebalanced']?.length).toBeLessThan(30);
  });
});

// The command line as people run it: a process, its output and its exit code.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadScenario } from '../../fixtures/platform/scenario.ts';
import { openScenario, type RunningScenario } from '../../shared/local/scenario.ts';
import { nightshift, ROOT } from './child.ts';

let running: RunningScenario;
let folder: string;
let variables: Record<string, string>;

beforeAll(async () => {
  running = await openScenario(loadScenario(path.join(ROOT, 'fixtures/rebalance/challenge'), new Date()), {
    duty: 'rebalance',
  });
  folder = await mkdtemp(path.join(tmpdir(), 'nightshift-cli-'));
  variables = {
    ...running.variables,
    NIGHTSHIFT_STORE: `sqlite:${path.join(folder, 'state.sqlite')}`,
    NIGHTSHIFT_LOG_LEVEL: 'silent',
  };
});

afterAll(async () => {
  await running.close();
  await rm(folder, { recursive: true, force: true });
});

const effects = (): number => running.platform.calls.filter((call) => call.method === 'PATCH').length;

describe('a dry run with a kubeconfig and the address of the metrics alone', () => {
  const flags = (): string[] => [
    'run',
    'rebalance',
    '--namespace',
    'default',
    '--dry-run',
    '--metrics-url',
    running.platform.urls.victoriametrics,
  ];
  const onlyKubeconfig = (): Record<string, string> => ({ KUBECONFIG: variables['KUBECONFIG'] ?? '' });

  test('prints the table, says that defaults are used, changes nothing and leaves no file', async () => {
    const before = effects();
    const done = await nightshift(flags(), onlyKubeconfig(), folder);
    expect(done.stderr).toContain('No policy file: the defaults');
    expect(done.stdout).toMatch(/checkout-service\/checkout +act +raise-memory-after-oom/);
    expect(done.code).toBe(0);
    expect(effects()).toBe(before);
    expect(running.platform.doubles.slack.state().messages).toEqual([]);
  });

  test('--json prints the canonical report on stdout and nothing else', async () => {
    const done = await nightshift([...flags(), '--json'], onlyKubeconfig(), folder);
    const report = JSON.parse(done.stdout) as { summary: Record<string, unknown>; decisions: unknown[] };
    expect(Object.keys(report.summary)).toEqual([
      'namespace',
      'pods_scanned',
      'pods_rebalanced',
      'pods_escalated',
      'pods_skipped',
      'dry_run',
    ]);
    expect(report.decisions).toHaveLength(4);
  });

  test.each([
    ['no metrics address', ['run', 'rebalance', '--namespace', 'default', '--dry-run'], '--metrics-url'],
    ['an unknown duty', ['run', 'rebalanc', '--dry-run'], 'rebalance'],
    ['an unknown flag', ['run', 'rebalance', '--dryrun'], '--dry-run'],
    ['no policy and no dry run', ['run', 'rebalance', '--namespace', 'default'], 'nightshift init'],
    [
      'a time that is none',
      [
        'run',
        'rebalance',
        '--namespace',
        'default',
        '--dry-run',
        '--metrics-url',
        'http://127.0.0.1:1',
        '--now',
        'noon',
      ],
      '--now',
    ],
    [
      'a metrics address that is none',
      ['run', 'rebalance', '--namespace', 'default', '--dry-run', '--metrics-url', 'vm'],
      '--metrics-url',
    ],
  ])('%s is wrong use: exit 2, and says what to do', async (_name, args, word) => {
    const done = await nightshift(args, onlyKubeconfig(), folder);
    expect(done.stderr).toContain(word);
    expect(done.stderr).not.toMatch(/\n\s+at /);
    expect(done.code).toBe(2);
  });

  test('a namespace that is not there is named', async () => {
    const args = flags().map((flag) => (flag === 'default' ? 'shop' : flag));
    const done = await nightshift(args, onlyKubeconfig(), folder);
    expect(done.stderr).toContain('"shop"');
    expect(done.code).toBe(2);
  });

  test('a dead metrics server is told, nothing is judged, and the run is done', async () => {
    const args = flags().with(-1, 'http://127.0.0.1:9');
    const done = await nightshift(args, onlyKubeconfig(), folder);
    expect(done.stdout).toContain('PROBLEM');
    expect(done.stdout).toContain('0 to act');
    expect(done.code).toBe(0);
  });
});

describe('with a policy', () => {
  test('run, runs, show and journal tell one story', async () => {
    const first = await nightshift(['run', 'rebalance'], variables, folder);
    expect(first.code).toBe(0);
    expect(first.stdout).toMatch(/applied +cluster.resize-container/);
    const again = await nightshift(['run', 'rebalance', '--json'], variables, folder);
    expect((JSON.parse(again.stdout) as { actions: unknown[] }).actions).toEqual([]);

    const runs = await nightshift(['runs', '--json'], variables, folder);
    const [last, before] = JSON.parse(runs.stdout) as { id: string; state: string }[];
    expect([last?.state, before?.state]).toEqual(['done', 'done']);
    const show = await nightshift(['show', before?.id ?? ''], variables, folder);
    expect(show.stdout).toContain('checkout-service/checkout');
    const journal = await nightshift(['journal', '--json'], variables, folder);
    expect((JSON.parse(journal.stdout) as { state: string }[]).map((entry) => entry.state)).toEqual([
      'intended',
      'applied',
      'intended',
      'applied',
    ]);
    expect((await nightshift(['show', 'nothing'], variables, folder)).code).toBe(2);
  });

  test('a wrong policy is refused with its place, exit 1', async () => {
    const done = await nightshift(['run', 'rebalance', '--policy', path.join(ROOT, 'package.json')], variables, folder);
    expect(done.stderr).toMatch(/package\.json:\d+:\d+/);
    expect(done.code).toBe(1);
  });
});

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadScenario, mergeDeep, parseScenario } from '../../fixtures/platform/scenario.ts';

const CASE = {
  why: 'One pod that nobody needs to look at.',
  now: '2026-03-04T10:00:00Z',
  expect: { 'a/b': 'x/healthy' },
};
const CLUSTER = {
  version: 'v1.34.4',
  podResize: true,
  objects: [
    { apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-1' } },
    { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a', namespace: 'default' }, spec: { nodeName: 'node-1' } },
  ],
};

let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'nightshift-scenario-test-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

test('reads a folder: policy of the duty with the changes of the case, series placed in time', () => {
  writeFileSync(
    join(folder, 'policy.yaml'),
    'version: 1\nmodes: [{ action: "*", mode: auto }]\nguardrails: { a: 1, b: 2 }\n',
  );
  const scenarioFolder = join(folder, 'one');
  mkdirSync(join(scenarioFolder, 'observed'), { recursive: true });
  writeFileSync(
    join(scenarioFolder, 'case.yaml'),
    JSON.stringify({ ...CASE, policy: { guardrails: { b: 3, a: null }, modes: [] } }),
  );
  writeFileSync(join(scenarioFolder, 'observed', 'cluster.json'), JSON.stringify(CLUSTER));
  writeFileSync(
    join(scenarioFolder, 'observed', 'metrics.json'),
    JSON.stringify({ series: [{ labels: { __name__: 'up' }, step: '30s', end: '1m', values: '1 _ 0' }] }),
  );

  const scenario = loadScenario(scenarioFolder);

  const end = Date.parse(CASE.now) / 1000 - 60;
  expect(scenario.name).toBe('one');
  expect(scenario.policy).toEqual({ version: 1, modes: [], guardrails: { b: 3 } });
  expect(scenario.series).toEqual([
    {
      labels: { __name__: 'up' },
      points: [
        [end - 60, 1],
        [end, 0],
      ],
    },
  ]);
  expect(scenario.case.scope).toEqual({ cluster: 'test', namespace: 'default' });
  expect(scenario.history).toEqual([]);
});

test.each([
  ['an unknown member', { ...CASE, expected: {} }, CLUSTER, /case\.yaml.*expected/],
  ['a time without a date', { ...CASE, now: '10:00' }, CLUSTER, /now/],
  [
    'a fault of no kind',
    { ...CASE, faults: [{ system: 'jira', operation: '*', kind: 'boom' }] },
    CLUSTER,
    /faults\.0\.kind/,
  ],
  [
    'an object without a kind',
    CASE,
    { ...CLUSTER, objects: [{ apiVersion: 'v1', metadata: { name: 'a' } }] },
    /objects\.0\.kind/,
  ],
  ['a pod on a node that is not there', CASE, { ...CLUSTER, objects: CLUSTER.objects.slice(1) }, /node-1/],
])('refuses %s and says where', (_what, caseFile, cluster, message) => {
  expect(() => parseScenario({ name: 'bad', case: caseFile, cluster })).toThrow(message);
});

test('refuses a series without a name and a notation that is none', () => {
  const source = { name: 'bad', case: CASE, cluster: CLUSTER };
  expect(() => parseScenario({ ...source, metrics: { series: [{ labels: { pod: 'a' }, values: '1' }] } })).toThrow(
    /labels/,
  );
  expect(() =>
    parseScenario({ ...source, metrics: { series: [{ labels: { __name__: 'up' }, values: 'one' }] } }),
  ).toThrow(/series notation/);
});

test('merges objects member by member, replaces everything else and removes by null', () => {
  const base = { a: { b: 1, c: 2 }, list: [1, 2] };
  expect(mergeDeep(base, { a: { c: null, d: { e: null, f: 1 } }, list: [3] })).toEqual({
    a: { b: 1, d: { f: 1 } },
    list: [3],
  });
  expect(base).toEqual({ a: { b: 1, c: 2 }, list: [1, 2] });
});

// docs/api-shapes.md against what it speaks of: it is current, and no operation that the platform serves or sees is without a row.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { ROUTES as BITBUCKET_ROUTES } from '../../fixtures/platform/bitbucket/routes.ts';
import { ROUTES } from '../../fixtures/platform/jira/routes.ts';
import type { RecordedCall } from '../../fixtures/platform/kit.ts';
import { loadScenario } from '../../fixtures/platform/scenario.ts';
import { FILE_METHODS } from '../../fixtures/platform/slack/files.ts';
import { PEOPLE_METHODS } from '../../fixtures/platform/slack/people.ts';
import { MESSAGE_METHODS } from '../../fixtures/platform/slack/messages.ts';
import { isDescribed, listedOperation, listedOperations } from '../../fixtures/platform/spec-description.ts';
import { OPERATIONS } from '../../fixtures/platform/victoriametrics/double.ts';
import { readUsed } from '../../scripts/cut-specs.ts';
import { API_SHAPES, apiShapesPage } from '../../scripts/generate-api-shapes.ts';
import { openScenario } from '../../shared/local/scenario.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const USED = Object.entries(readUsed());

interface ShownRow {
  readonly operation: string;
  readonly name: string;
  readonly shapeFrom: string;
  readonly checked: string;
  readonly realServer: string;
  readonly difference: string;
}

/** The rows of the operations, by the name of their system. */
function shownRows(page: string): ReadonlyMap<string, readonly ShownRow[]> {
  const sections = page.split(/^## /m).slice(1);
  return new Map(sections.map((section) => [section.split('\n')[0] ?? '', section.split('\n').flatMap(rowOf)]));
}

function rowOf(line: string): readonly ShownRow[] {
  const cells = line.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll('\\|', '|'));
  const [, operation = '', name = '', shapeFrom = '', checked = '', realServer = '', difference = ''] = cells;
  const isOperation = /^`[A-Z|]+ \/.*`$/.test(name);
  const bare = (text: string): string => text.replaceAll('`', '');
  return isOperation
    ? [{ operation: bare(operation), name: bare(name), shapeFrom, checked, realServer, difference }]
    : [];
}

const SHOWN = shownRows(apiShapesPage());

function rowsOf(system: string): readonly ShownRow[] {
  return SHOWN.get(readUsed()[system]?.name ?? '') ?? [];
}

/** Which of the calls have no row, each as a person would look for it. */
function callsWithoutRow(calls: readonly RecordedCall[]): readonly string[] {
  return calls
    .filter(({ system, operation, method, path: called }) => {
      const name = isDescribed(system) ? listedOperation(system, { method, path: called })?.name : undefined;
      return !rowsOf(system).some((row) => row.name === name && row.operation === operation);
    })
    .map(({ system, operation, method, path: called }) => `${system}, ${operation}: ${method} ${called}`);
}

describe('the page', () => {
  test('is as npm run generate would write it', () => {
    expect(readFileSync(path.join(ROOT, API_SHAPES), 'utf8')).toBe(apiShapesPage());
  });

  test.each(USED)('has one whole row for each operation of %s', (system, used) => {
    const rows = rowsOf(system);
    const listed = isDescribed(system) ? listedOperations(system).map(({ name }) => name) : [];
    expect(listed).toHaveLength(used.operations.length + used.unchecked.flatMap(({ operations }) => operations).length);
    expect(rows.map(({ name }) => name).sort()).toEqual([...listed].sort());
    for (const row of rows) {
      expect(row.operation, row.name).toMatch(/^\S/);
      expect(row.shapeFrom, row.name).toMatch(/\.json\)$|, \d{4}-\d{2}-\d{2}$/);
      expect(row.realServer, row.name).toMatch(/^(yes|no)$/);
      // What nothing is held against says why.
      expect(row.checked === '' ? row.difference : row.checked, row.name).toMatch(/^[A-Z]|^request/);
    }
  });

  test.each(USED)('shows each difference of %s at an operation that it is of', (system, used) => {
    const shown = rowsOf(system).map(({ difference }) => difference);
    const unshown = used.differences.filter(
      ({ why }, index) => !shown.some((text) => text.includes(`${why} ([${String(index + 1)}](`)),
    );
    expect(unshown).toEqual([]);
  });

  test.each(USED)('says of %s what the real tier has answered, and of nothing else', (system, used) => {
    const real = used.real?.operations ?? [];
    expect(rowsOf(system).filter(({ realServer }) => realServer === 'yes').length).toBe(real.length);
  });
});

describe('the platform', () => {
  test.each([
    [
      'slack',
      [
        'upload',
        'apps.connections.open',
        ...[MESSAGE_METHODS, FILE_METHODS, PEOPLE_METHODS].flatMap((methods) => Object.keys(methods)),
      ],
    ],
    ['jira', ROUTES.map(({ operation }) => operation)],
    ['bitbucket', BITBUCKET_ROUTES.map(({ operation }) => operation)],
    ['victoriametrics', ['label values', ...Object.values(OPERATIONS)]],
  ])('serves nothing of %s that has no row, and there is no row of what it does not serve', (system, served) => {
    expect([...new Set(rowsOf(system).map(({ operation }) => operation))].sort()).toEqual([...new Set(served)].sort());
  });

  test.each(['challenge', 'rollout-mode', 'hold-vertical-autoscaler'])(
    'sees no call of %s that has no row',
    async (name) => {
      const scenario = loadScenario(path.join(ROOT, 'fixtures/rebalance', name));
      const running = await openScenario(scenario, { duty: 'rebalance', deadlineSeconds: 5 });
      try {
        await running.run();
        expect(new Set(running.platform.calls.map(({ system }) => system)).size).toBeGreaterThan(1);
        expect(callsWithoutRow(running.platform.calls)).toEqual([]);
      } finally {
        await running.close();
      }
    },
  );

  test('counts a call of an operation that nobody listed as a violation, also where there is no description', async () => {
    const scenario = loadScenario(path.join(ROOT, 'fixtures/rebalance/challenge'));
    const running = await openScenario(scenario, { duty: 'rebalance' });
    try {
      await fetch(`${running.platform.urls.victoriametrics}/api/v1/export`);
      await fetch(`${running.platform.urls.kubernetes}/api/v1/secrets`);
      expect(callsWithoutRow(running.platform.calls)).toEqual([
        'victoriametrics, unknown: GET /api/v1/export',
        'kubernetes, list secrets: GET /api/v1/secrets',
      ]);
      expect(running.platform.violations()).toEqual([
        expect.stringContaining('no operation of fixtures/specs/used.yaml for victoriametrics') as string,
        expect.stringContaining('no operation of fixtures/specs/used.yaml for kubernetes') as string,
      ]);
    } finally {
      await running.close();
    }
  });
});

// Scopes as people type them, for every duty by its own schema.
import { readFile } from 'node:fs/promises';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { RebalanceScope } from '../../functions/rebalance/schema.ts';
import { PipelineReportScope } from '../../functions/pipeline-report/schema.ts';
import { PipelineRetryScope } from '../../functions/pipeline-retry/schema.ts';
import type { CallerError } from '../../shared/core/errors.ts';
import { main } from '../../shared/local/cli.ts';
import { namedScope, type ScopeFlags } from '../../shared/local/cli/scope-flags.ts';
import { openBuilds } from '../support/builds.ts';
import { testTerminal } from './terminal.ts';

const CHOICES = { clusters: ['prod'], workspace: 'acme' };

afterEach(() => {
  vi.unstubAllEnvs();
});

describe('a scope', () => {
  test.each<[ScopeFlags, object]>([
    [{ scope: ['workspace=acme', 'repository=shop'] }, { workspace: 'acme', repository: 'shop' }],
    [{ scope: ['workspace=acme,repository=shop'] }, { workspace: 'acme', repository: 'shop' }],
    [{ scope: ['{"workspace":"acme","from":"2026-03-01"}'] }, { workspace: 'acme', from: '2026-03-01' }],
    [{ repository: 'shop' }, { workspace: 'acme', repository: 'shop' }],
    [{ workspace: 'other' }, { workspace: 'other' }],
    [
      { scope: ['from=2026-03-01'], repository: 'shop' },
      { workspace: 'acme', repository: 'shop', from: '2026-03-01' },
    ],
  ])('of a workspace is typed as %j', (flags, scope) => {
    expect(namedScope(flags, PipelineReportScope, CHOICES)).toEqual(scope);
  });

  test.each<[ScopeFlags, object | undefined]>([
    [{ namespace: 'shop' }, { cluster: 'prod', namespace: 'shop' }],
    [
      { scope: ['namespace=shop'], cluster: 'stage' },
      { cluster: 'stage', namespace: 'shop' },
    ],
    [{ scope: ['cluster=stage', 'namespace=shop'] }, { cluster: 'stage', namespace: 'shop' }],
    [{ cluster: 'prod' }, undefined],
    [{}, undefined],
  ])('of a namespace is typed as %j', (flags, scope) => {
    expect(namedScope(flags, RebalanceScope, CHOICES)).toEqual(scope);
  });

  test.each<[ScopeFlags, string, RegExp]>([
    [{ repository: 'shop' }, '--repository', /has no repository/],
    [{ scope: ['repo=shop'] }, '--scope', /has no repo/],
    [{ scope: ['shop'] }, '--scope', /no field of a scope/],
    [{ scope: ['workspace='] }, '--scope', /no field of a scope/],
    [{ scope: ['{workspace: acme}'] }, '--scope', /neither JSON nor fields/],
  ])('that is none is refused with its flag: %j', (flags, field, message) => {
    const refused = (): unknown => namedScope(flags, PipelineRetryScope, CHOICES);
    expect(refused).toThrow(message);
    expect(refused).toThrow(expect.objectContaining({ field }) as CallerError);
  });

  test('of one of several clusters needs its name', () => {
    const choices = { clusters: ['prod', 'stage'], workspace: undefined };
    expect(() => namedScope({ namespace: 'shop' }, RebalanceScope, choices)).toThrow('several clusters');
  });
});

test('nightshift run takes it so', async () => {
  const running = await openBuilds('regular-failure');
  try {
    for (const [name, value] of Object.entries(running.variables)) {
      vi.stubEnv(name, value);
    }
    const terminal = testTerminal();
    const words = ['run', 'pipeline-retry', '--workspace', 'example', '--dry-run', '--now', '2026-03-04T10:00:00Z'];
    expect(await main(words, terminal)).toBe(0);
    expect(terminal.printed.join()).toContain('regular-failure');
    expect(await readFile(running.variables['NIGHTSHIFT_POLICY'] ?? '', 'utf8')).toContain('workspace: example');
  } finally {
    await running.close();
  }
});

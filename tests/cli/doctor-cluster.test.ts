// The doctor's checks of an API server over a scripted port: permissions, namespaces, version, clock.
import { describe, expect, it } from 'vitest';
import { PlatformError } from '../../shared/core/errors.ts';
import type { Permission } from '../../shared/ports/cluster.ts';
import { type Finding, runChecks } from '../../shared/local/cli/doctor-check.ts';
import { clusterChecks } from '../../shared/local/cli/doctor-cluster.ts';
import type { ClusterNeeds, NeededPermission } from '../../shared/local/cli/doctor-needs.ts';
import { scriptedCluster, type ClusterScript } from './doctor-cluster-double.ts';

const NOW = '2026-03-04T10:00:00.000Z';

function needed(verb: string, resource: string, namespace: string, kinds: readonly string[] = []): NeededPermission {
  const [name = '', subresource = ''] = resource.split('/');
  return {
    permission: { verb, group: '', resource: name, subresource, namespace },
    duties: ['rebalance'],
    actionKinds: kinds,
  };
}

const NEEDS: ClusterNeeds = {
  namespaces: ['pay', 'shop'],
  actionKinds: ['cluster.resize-container'],
  requiredMetrics: [],
  permissions: [
    needed('list', 'pods', 'shop'),
    needed('list', 'pods', 'pay'),
    needed('list', 'nodes', ''),
    needed('patch', 'pods/resize', 'shop', ['cluster.resize-container']),
  ],
};

function examine(script: ClusterScript, needs: ClusterNeeds = NEEDS): Promise<readonly Finding[]> {
  const clock = { now: () => new Date(NOW), sleep: () => Promise.resolve() };
  return runChecks([
    clusterChecks({ cluster: scriptedCluster({ namespaces: ['shop', 'pay'], ...script }), needs, clock }),
  ]);
}

function of(findings: readonly Finding[], check: string): readonly Finding[] {
  return findings.filter((finding) => finding.check === check);
}

function refused(status: number): PlatformError {
  return new PlatformError(
    { system: 'Kubernetes API', operation: 'read the version', target: 'cluster prod', applied: 'no', status },
    `the answer is ${String(status)}`,
    { remedy: 'Log in again.' },
  );
}

describe('an API server', () => {
  it('passes every check when all is well', async () => {
    const findings = await examine({});
    expect(findings.map(({ check, level }) => [check, level])).toEqual([
      ['API server', 'ok'],
      ['clock', 'ok'],
      ['in-place resize', 'ok'],
      ['namespaces', 'ok'],
      ['permissions', 'ok'],
    ]);
    expect(findings[0]?.detail).toBe('v1.34.4 at https://prod.example');
    expect(of(findings, 'permissions')[0]?.detail).toBe('all 4 that the duties need');
  });

  it('is one failure with what to do when the credentials are refused', async () => {
    const findings = await examine({ version: () => Promise.reject(refused(401)) });
    expect(findings.map(({ check, level }) => [check, level])).toEqual([
      ['API server', 'failure'],
      ['the rest', 'skipped'],
    ]);
    expect(findings[0]?.remedy).toBe('Log in again.');
  });

  it('is asked on when only its version is kept secret', async () => {
    const findings = await examine({ version: () => Promise.reject(refused(403)) });
    expect(of(findings, 'in-place resize')[0]?.level).toBe('skipped');
    expect(of(findings, 'permissions')[0]?.level).toBe('ok');
  });

  it('warns without in-place resize', async () => {
    const version = { gitVersion: 'v1.30.2', major: 1, minor: 30, podResize: false, verticalAutoscalers: false };
    const [found] = of(await examine({ version: () => Promise.resolve(version) }), 'in-place resize');
    expect(found?.level).toBe('warning');
    expect(found?.detail).toContain('v1.30.2');
  });

  it('does not speak of resize where no duty resizes', async () => {
    expect(of(await examine({}, { ...NEEDS, actionKinds: [] }), 'in-place resize')).toEqual([]);
  });

  it('warns when its clock is off', async () => {
    const [found] = of(await examine({ now: '2026-03-04T09:58:00Z' }), 'clock');
    expect(found?.level).toBe('warning');
    expect(found?.detail).toContain('behind');
  });
});

describe('namespaces', () => {
  it('fails for each one that is not there, beside those that are', async () => {
    const found = of(await examine({ namespaces: ['shop'] }), 'namespaces');
    expect(found.map(({ level, detail }) => [level, detail])).toEqual([
      ['ok', 'shop: there'],
      ['failure', 'there is no namespace pay'],
    ]);
  });

  it('tells one that may not be read without hiding the others', async () => {
    const found = of(
      await examine({
        namespaceExists: (namespace) => (namespace === 'pay' ? Promise.reject(refused(403)) : Promise.resolve(true)),
      }),
      'namespaces',
    );
    expect(found.map(({ level }) => level)).toEqual(['ok', 'failure']);
  });
});

describe('permissions', () => {
  it('names what is missing, where, and the rule that grants it', async () => {
    const findings = await examine({ isAllowed: ({ resource }) => resource !== 'pods' });
    const found = of(findings, 'permissions');
    expect(found.map(({ level }) => level)).toEqual(['ok', 'failure', 'failure']);
    expect(found[0]?.detail).toBe('1 of 4 that the duties need');
    expect(found[1]?.detail).toBe('missing: list pods in shop, pay, which rebalance needs');
    expect(found[1]?.remedy).toBe(
      'Grant it by the rule {apiGroups: [""], resources: ["pods"], verbs: ["list"]} in a Role and its RoleBinding there.',
    );
    expect(found[2]?.detail).toContain('patch pods/resize in shop');
  });

  it('offers to observe instead where a write is missing', async () => {
    const findings = await examine({ isAllowed: ({ subresource }) => subresource !== 'resize' });
    expect(of(findings, 'permissions').at(-1)?.remedy).toContain('observe for cluster.resize-container');
  });

  it('asks for a ClusterRole where the whole cluster is meant', async () => {
    const findings = await examine({ isAllowed: ({ resource }) => resource !== 'nodes' });
    const found = of(findings, 'permissions').at(-1);
    expect(found?.detail).toContain('list nodes in the whole cluster');
    expect(found?.remedy).toContain('ClusterRoleBinding');
  });

  it('does not need permissions for what the server does not have', async () => {
    const version = { gitVersion: 'v1.30.2', major: 1, minor: 30, podResize: false, verticalAutoscalers: false };
    const permissions = [...NEEDS.permissions, needed('list', 'verticalpodautoscalers', 'shop')];
    const script = {
      isAllowed: ({ resource, subresource }: Permission) =>
        subresource !== 'resize' && resource !== 'verticalpodautoscalers',
    };
    const old = await examine({ ...script, version: () => Promise.resolve(version) }, { ...NEEDS, permissions });
    expect(of(old, 'permissions').map(({ level }) => level)).toEqual(['ok']);
    const present = { ...version, podResize: true, verticalAutoscalers: true };
    const recent = await examine({ ...script, version: () => Promise.resolve(present) }, { ...NEEDS, permissions });
    expect(of(recent, 'permissions').map(({ level }) => level)).toEqual(['ok', 'failure', 'failure']);
  });

  it('counts a short answer as refused', async () => {
    const findings = await examine({ allowed: () => Promise.resolve([{ allowed: true, reason: '' }]) });
    expect(of(findings, 'permissions').filter(({ level }) => level === 'failure')).toHaveLength(3);
  });
});

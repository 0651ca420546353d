// What the doctor derives from a policy and the capabilities of its duties.
import { describe, expect, it } from 'vitest';
import { duty } from '../../functions/rebalance/index.ts';
import { readCapabilities } from '../../shared/config/capabilities.ts';
import { BugError } from '../../shared/core/errors.ts';
import { TeamPolicy } from '../../shared/core/policy.ts';
import {
  clusterNeeds,
  type DutyInUse,
  dutyInUse,
  jiraPermissions,
  policyResults,
  slackScopes,
} from '../../shared/local/cli/doctor-needs.ts';

const capabilities = await readCapabilities();
const NAMES = [
  'kubernetes.read-pods',
  'kubernetes.read-nodes',
  'kubernetes.resize-pods',
  'kubernetes.patch-workloads',
  'chat.post',
  'tracker.write',
];

function team(modes: unknown[] = [], more: object = {}): TeamPolicy {
  const metrics = { url: 'http://metrics' };
  return TeamPolicy.parse({ version: 1, clusters: { prod: { metrics }, stage: { metrics } }, modes, ...more });
}

function inUse(scopes: unknown, names = NAMES): DutyInUse {
  return dutyInUse(
    { duty, capabilities: names },
    duty.policy.parse({ scopes }),
    TeamPolicy.parse({ version: 1 }),
    capabilities,
  );
}

const SHOP_AND_PAY = [{ cluster: 'prod', namespaces: ['shop', 'pay'] }];

function names(duties: readonly DutyInUse[], policy: TeamPolicy, cluster = 'prod'): readonly string[] {
  return clusterNeeds(cluster, duties, policy).permissions.map(({ permission }) =>
    [permission.verb, [permission.resource, permission.subresource].filter(Boolean).join('/'), permission.namespace]
      .join(' ')
      .trim(),
  );
}

describe('permissions', () => {
  it('asks for reads in each namespace and once for the whole cluster, and for no write while policy observes', () => {
    expect(names([inUse(SHOP_AND_PAY)], team())).toEqual([
      'list pods shop',
      'list pods pay',
      'get pods shop',
      'get pods pay',
      'get namespaces shop',
      'get namespaces pay',
      'list nodes',
      'list pods',
    ]);
  });

  it('asks for a write only where a mode lets its kind happen', () => {
    const found = names(
      [inUse(SHOP_AND_PAY)],
      team([{ action: 'cluster.resize-container', namespace: 'shop', mode: 'approve' }]),
    );
    expect(found.filter((name) => name.includes('patch'))).toEqual(['patch pods/resize shop']);
  });

  it('asks for the writes of every kind under a mode for all', () => {
    const found = names([inUse([{ cluster: 'prod', namespaces: ['shop'] }])], team([{ mode: 'auto' }]));
    expect(found).toContain('patch pods/resize shop');
    expect(found).toContain('patch deployments shop');
  });

  it('asks nothing of a cluster without scopes', () => {
    expect(clusterNeeds('stage', [inUse(SHOP_AND_PAY)], team())).toEqual({
      namespaces: [],
      permissions: [],
      actionKinds: [],
      requiredMetrics: [],
    });
  });

  it('asks once for what two duties need, and names both', () => {
    const first = inUse([{ cluster: 'prod', namespaces: ['shop'] }]);
    const { permissions } = clusterNeeds('prod', [first, { ...first, name: 'another' }], team());
    expect(permissions.filter(({ permission }) => permission.resource === 'nodes')).toEqual([
      expect.objectContaining({ duties: ['another', 'rebalance'] }),
    ]);
  });

  it('refuses a capability that does not exist', () => {
    expect(() => inUse(SHOP_AND_PAY, ['kubernetes.read-minds'])).toThrow(BugError);
  });
});

describe('vendors', () => {
  it('takes scopes and permissions from the capabilities', () => {
    expect(slackScopes([inUse(SHOP_AND_PAY)])).toContain('chat:write');
    expect(jiraPermissions([inUse(SHOP_AND_PAY)])).toContain('CREATE_ISSUES');
    expect(slackScopes([inUse(SHOP_AND_PAY, ['kubernetes.read-pods'])])).toEqual([]);
  });
});

describe('a policy that can hardly be meant', () => {
  it('says that nothing runs without a scope', () => {
    expect(policyResults([inUse([])], team()).map(({ level }) => level)).toEqual(['warning']);
  });

  it('warns of modes that never apply', () => {
    const found = policyResults(
      [inUse(SHOP_AND_PAY)],
      team([
        { action: 'cluster.resize', mode: 'auto' },
        { namespace: 'shopp', mode: 'auto' },
      ]),
    ).filter(({ level }) => level === 'warning');
    expect(found.map(({ detail }) => detail)).toEqual([
      expect.stringContaining('cluster.resize, which no duty has'),
      expect.stringContaining('shopp, which is in no scope'),
    ]);
  });

  it('warns of the kill switch', () => {
    const found = policyResults([inUse(SHOP_AND_PAY)], team([], { paused: true }));
    expect(found.some(({ level, detail }) => level === 'warning' && detail.includes('paused'))).toBe(true);
  });

  it('says how much is observed', () => {
    expect(policyResults([inUse(SHOP_AND_PAY)], team())[0]?.detail).toContain('only observed');
    const auto = policyResults(
      [inUse(SHOP_AND_PAY)],
      team([{ action: 'cluster.resize-container', namespace: 'shop', mode: 'auto' }]),
    );
    expect(auto[0]?.detail).toContain('1 auto, 0 approve, 3 observe');
  });
});

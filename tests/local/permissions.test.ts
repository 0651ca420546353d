// What each function may do under a policy, and which settings it is handed: from the shipped manifests and the table of capabilities.
import { describe, expect, test } from 'vitest';
import { readCapabilities } from '../../shared/config/capabilities.ts';
import { SETTINGS } from '../../shared/config/settings.ts';
import { TeamPolicy } from '../../shared/core/policy.ts';
import { findDrivers, findDuties } from '../../shared/local/duties.ts';
import { type DutyPermissions, permissionsUnder, type Placed } from '../../shared/local/permissions.ts';

const table = await readCapabilities();
const found = await findDuties();
const drivers = await findDrivers();

const SYSTEMS = {
  chat: { slack: { channel: '#ops' } },
  tracker: { jira: { url: 'https://example.atlassian.net', project: 'OPS' } },
  ci: { bitbucket: { workspace: 'example' } },
  model: { ollama: {} },
};
const METRICS = { url: 'http://metrics' };
const GKE = { project: 'shop-clusters', location: 'europe-west3', cluster: 'prod' };
/** Every action kind, by the way of each duty's own scopes. */
const SCOPES: Readonly<Record<string, readonly object[]>> = {
  rebalance: [{ cluster: 'prod', namespace: 'shop' }],
  'pipeline-retry': [{ workspace: 'example' }],
  'pipeline-report': [{ workspace: 'example' }],
};

function under(policy: object): ReadonlyMap<string, DutyPermissions> {
  const team = TeamPolicy.parse({ version: 1, clusters: { prod: { metrics: METRICS, gke: GKE } }, ...policy });
  const placed = [
    ...found.map(({ manifest, duty }): Placed => ({
      manifest,
      scopes: (SCOPES[duty.name] ?? [{ cluster: 'prod', namespace: 'shop' }]) as Placed['scopes'],
      actionKinds: duty.actionKinds,
    })),
    ...drivers.map(({ manifest }): Placed => ({ manifest, scopes: [], actionKinds: [] })),
  ];
  return new Map(permissionsUnder(team, placed, table).map((one) => [one.duty, one]));
}

function verbsOf({ clusters }: DutyPermissions): readonly string[] {
  const rules = [...clusters.values()].flatMap(({ clusterWide, namespaces }) => [
    ...clusterWide,
    ...[...namespaces.values()].flat(),
  ]);
  return [...new Set(rules.map(({ verb }) => verb))].sort();
}

describe('what is only observed', () => {
  test('no function gets a writing verb in a cluster, nor a writing scope of Bitbucket', () => {
    const permissions = under({ ...SYSTEMS, modes: [{ mode: 'observe' }] });
    for (const one of permissions.values()) {
      expect(
        verbsOf(one).filter((verb) => !['get', 'list'].includes(verb)),
        one.duty,
      ).toEqual([]);
      expect(one.bitbucket, one.duty).not.toContain('pipeline:write');
    }
  });

  test.each(['settle', 'rebalance'])('%s gets them where a mode lets something happen, and there alone', (duty) => {
    const one = under({ modes: [{ action: 'cluster.resize-container', mode: 'approve' }] }).get(duty);
    expect(one === undefined ? [] : verbsOf(one)).toContain('patch');
    const elsewhere = under({ modes: [{ namespace: 'other', mode: 'auto' }] }).get(duty);
    expect(elsewhere === undefined ? [] : verbsOf(elsewhere)).not.toContain('patch');
  });

  test('ingress is known to no cluster at all', () => {
    expect(under({ modes: [{ mode: 'auto' }] }).get('ingress')?.clusters.size).toBe(0);
  });
});

describe('settings', () => {
  test('each function is handed those of its capabilities and no others', () => {
    const permissions = under(SYSTEMS);
    const secretsOf = (duty: string): readonly string[] =>
      (permissions.get(duty)?.settings ?? []).filter((name) =>
        SETTINGS.some((setting) => setting.name === name && (setting.secret || name === 'KUBECONFIG')),
      );
    const metrics = ['NIGHTSHIFT_METRICS_BEARER_TOKEN', 'NIGHTSHIFT_METRICS_PASSWORD'];
    expect(Object.fromEntries([...permissions.keys()].map((duty) => [duty, secretsOf(duty)]))).toMatchObject({
      ingress: ['BITBUCKET_WEBHOOK_SECRET', 'SLACK_SIGNING_SECRET'],
      rebalance: ['JIRA_API_TOKEN', 'KUBECONFIG', ...metrics, 'OLLAMA_TOKEN', 'SLACK_BOT_TOKEN'],
      'pipeline-retry': ['BITBUCKET_ACCESS_TOKEN', 'JIRA_API_TOKEN', 'SLACK_BOT_TOKEN'],
      'pipeline-report': ['BITBUCKET_ACCESS_TOKEN', 'JIRA_API_TOKEN', 'SLACK_BOT_TOKEN'],
      settle: ['BITBUCKET_ACCESS_TOKEN', 'JIRA_API_TOKEN', 'KUBECONFIG', ...metrics, 'SLACK_BOT_TOKEN'],
    });
  });

  test('every secret that a deployed function may read belongs to a capability', () => {
    const named = [...table.values()].flatMap(({ settings }) => settings);
    const forOneProcess = SETTINGS.filter(({ usedBy }) => usedBy === 'npm start').map(({ name }) => name);
    for (const { name } of SETTINGS.filter((setting) => setting.secret)) {
      expect(named.includes(name) !== forOneProcess.includes(name), name).toBe(true);
    }
  });

  test('what the policy asks for is needed by those alone who use it', () => {
    const needed = (policy: object, duty: string): readonly string[] =>
      (under(policy).get(duty)?.needed ?? []).map(({ name, part }) => `${part}: ${name}`);
    expect(needed(SYSTEMS, 'ingress')).toEqual([]);
    expect(needed(SYSTEMS, 'rebalance')).toEqual([
      'chat.slack: SLACK_BOT_TOKEN',
      'tracker.jira: JIRA_EMAIL',
      'tracker.jira: JIRA_API_TOKEN',
      'model.ollama without url: OLLAMA_URL',
    ]);
    expect(needed(SYSTEMS, 'pipeline-retry')).toContain('ci.bitbucket: BITBUCKET_ACCESS_TOKEN');
    expect(needed({}, 'settle')).toEqual([]);
    expect(needed({ clusters: { prod: { metrics: METRICS } } }, 'settle')).toEqual([
      'clusters.prod without gke: KUBECONFIG',
    ]);
  });
});

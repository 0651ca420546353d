// Checks the scenario folders by themselves: an input that could not exist would make every replay of it worthless.
// It must not run a duty, nor say what its verdict is: that is case.yaml's business.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { loadScenario } from '../../fixtures/platform/scenario.ts';
import type { KubernetesObject, Scenario } from '../../fixtures/platform/scenario.ts';
import { TeamPolicy } from '../../shared/core/policy.ts';
import { isRecordedCase } from '../../shared/local/recorded-case.ts';
import { findDefects } from './scenario-defects.ts';

const root = join(import.meta.dirname, '..', '..', 'fixtures', 'rebalance');
const folders = readdirSync(root, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && !isRecordedCase(join(root, entry.name)))
  .map((entry) => entry.name)
  .sort();

/** The rules of the duty as its specification names them; a typing error in an expectation must not pass as a new rule. */
const RULES: readonly string[] = [
  'no-data',
  'known-issue',
  'raise-memory-after-oom',
  'raise-memory-near-limit',
  'escalate-inconsistent-metrics',
  'escalate-growth-cap',
  'escalate-cannot-fit',
  'escalate-resize-infeasible',
  'lower-requests-when-idle',
  'hold-cooldown',
  'hold-rollout',
  'hold-window',
  'hold-resize-pending',
  'hold-autoscaler',
  'hold-protected',
  'hold-no-memory-limit',
  'hold-unsupported-owner',
  'hold-single-replica-restart',
  'healthy',
].map((rule) => `rebalance/${rule}`);

describe('scenarios of rebalance', () => {
  it.each(folders)('%s describes a cluster that can exist, and expects a rule for every container', (folder) => {
    expect(findDefects(loadScenario(join(root, folder)), RULES)).toEqual([]);
  });

  it.each(folders)('%s states a policy that the team part accepts', (folder) => {
    const { policy } = loadScenario(join(root, folder));
    const team = Object.entries(withAddresses(policy)).filter(([member]) => member !== 'duties');
    expect(TeamPolicy.safeParse(Object.fromEntries(team)).error?.issues ?? []).toEqual([]);
  });

  it('shows every rule at least once', () => {
    const shown = new Set(folders.flatMap((folder) => Object.values(loadScenario(join(root, folder)).case.expect)));
    expect(RULES.filter((rule) => !shown.has(rule))).toEqual([]);
  });

  it('keeps every file under a megabyte', () => {
    const large = readdirSync(root, { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .filter((file) => readFileSync(file).length > 1_000_000);
    expect(large).toEqual([]);
  });
});

describe('the check of scenarios', () => {
  const challenge = loadScenario(join(root, 'challenge'));

  it('sees a container without an expectation, and an expectation without a container', () => {
    const others = Object.entries(challenge.case.expect).filter(([subject]) => subject !== 'auth-service/auth');
    const broken = { ...Object.fromEntries(others), 'ghost/app': 'rebalance/healthy' };
    expect(findDefects(withCase(challenge, { expect: broken }), RULES)).toEqual([
      'auth-service/auth has no expectation',
      'ghost/app is expected and does not exist',
    ]);
  });

  it('sees a rule that nobody knows', () => {
    const broken = { ...challenge.case.expect, 'auth-service/auth': 'rebalance/helthy' };
    expect(findDefects(withCase(challenge, { expect: broken }), RULES)).toEqual([
      'auth-service/auth expects the unknown rule rebalance/helthy',
    ]);
  });

  it('sees an owner that is missing', () => {
    const broken = withObjects(challenge, (object) => object.kind !== 'ReplicaSet' || named(object, 'auth-service'));
    expect(findDefects(broken, RULES)).toContain(
      'pod checkout-service: its owner ReplicaSet checkout-service-7d9c5b8f6d does not exist under that UID',
    );
  });

  it('sees an owner whose UID is another one', () => {
    const broken = mapObjects(challenge, (object) =>
      object.kind === 'Deployment' && named(object, 'auth-service')
        ? { ...object, metadata: { ...object.metadata, uid: 'another' } }
        : object,
    );
    expect(findDefects(broken, RULES)).toEqual([
      'ReplicaSet auth-service-7d9c5b8f6d: its owner Deployment auth-service does not exist under that UID',
    ]);
  });

  it('sees a request over its limit, and a quantity that is none', () => {
    const broken = mapObjects(challenge, (object) =>
      object.kind === 'Pod' && named(object, 'auth-service')
        ? withSpec(object, {
            name: 'auth',
            resources: { requests: { cpu: '2', memory: '256Mi' }, limits: { cpu: '400m', memory: 'a lot' } },
          })
        : object,
    );
    const defects = findDefects(broken, RULES);
    expect(defects).toContain('pod auth-service, container auth: the request of cpu 2 is over its limit 400m');
    expect(defects).toContain('pod auth-service, container auth: "a lot" is no quantity');
  });

  it('sees a QoS class that does not follow from the sizes', () => {
    const broken = mapObjects(challenge, (object) =>
      object.kind === 'Pod' && named(object, 'auth-service')
        ? { ...object, status: { ...(object['status'] as object), qosClass: 'Guaranteed' } }
        : object,
    );
    expect(findDefects(broken, RULES)).toEqual(['pod auth-service: its QoS class is Burstable, not Guaranteed']);
  });

  it('sees series of a pod that does not exist, and of a pod with another UID', () => {
    const [first] = challenge.series;
    const stranger = { labels: { ...first?.labels, pod: 'ghost' }, points: first?.points ?? [] };
    expect(findDefects({ ...challenge, series: [...challenge.series, stranger] }, RULES)).toEqual([
      'series container_memory_working_set_bytes of ghost/checkout: there is no such container',
    ]);
    const replaced = challenge.series.map(({ labels, points }) => ({ labels: { ...labels, uid: 'another' }, points }));
    expect(findDefects({ ...challenge, series: replaced }, RULES)).toContain(
      'series kube_pod_container_status_restarts_total of auth-service/auth: its uid is not the pod’s',
    );
  });

  it('sees a counter of restarts that contradicts the API server', () => {
    const changed = challenge.series.map(({ labels, points }) => ({
      labels,
      points: points.map(([seconds, value]) => [seconds, restartsOf(labels, 'auth-service') ? 7 : value] as const),
    }));
    expect(findDefects({ ...challenge, series: changed }, RULES)).toEqual([
      'auth-service/auth: the restart counter ends at 7, the API server says 0',
    ]);
  });

  it('sees two samples of one series at one time, and samples from the future', () => {
    const [first] = challenge.series;
    const twice = { labels: first?.labels ?? {}, points: first?.points.slice(0, 1) ?? [] };
    expect(findDefects({ ...challenge, series: [...challenge.series, twice] }, RULES)).toEqual([
      expect.stringContaining('is stated twice for the same time'),
    ]);
    const early = withCase(challenge, { now: '2026-03-04T09:00:00Z' });
    expect(findDefects(early, RULES)).toContainEqual(expect.stringContaining('lies after now'));
  });
});

function withAddresses(policy: Scenario['policy']): Record<string, unknown> {
  const placed = JSON.stringify(policy)
    .replaceAll('${METRICS_URL}', 'http://127.0.0.1:8428')
    .replaceAll('${JIRA_URL}', 'http://127.0.0.1:8080');
  return z.record(z.string(), z.unknown()).parse(JSON.parse(placed));
}

function restartsOf(labels: Readonly<Record<string, string>>, pod: string): boolean {
  return labels['__name__'] === 'kube_pod_container_status_restarts_total' && labels['pod'] === pod;
}

function named(object: KubernetesObject, prefix: string): boolean {
  return object.metadata.name.startsWith(prefix);
}

function withCase(scenario: Scenario, change: Partial<Scenario['case']>): Scenario {
  return { ...scenario, case: { ...scenario.case, ...change } };
}

function mapObjects(scenario: Scenario, change: (object: KubernetesObject) => KubernetesObject): Scenario {
  return { ...scenario, cluster: { ...scenario.cluster, objects: scenario.cluster.objects.map(change) } };
}

function withObjects(scenario: Scenario, keep: (object: KubernetesObject) => boolean): Scenario {
  return { ...scenario, cluster: { ...scenario.cluster, objects: scenario.cluster.objects.filter(keep) } };
}

function withSpec(pod: KubernetesObject, container: object): KubernetesObject {
  return { ...pod, spec: { ...(pod['spec'] as object), containers: [container] } };
}

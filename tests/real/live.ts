// A duty on real servers: the shipped wiring with a real API server and a real VictoriaMetrics behind it. Chat and tracker, which no
// registry has, stay the embedded ones.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parse, stringify } from 'yaml';
import { readFileSync } from 'node:fs';
import { CREDENTIALS, type Platform, startPlatform } from '../../fixtures/platform/platform.ts';
import { mergeDeep, parseScenario } from '../../fixtures/platform/scenario.ts';
import { signedRequest } from '../../fixtures/platform/slack/click.ts';
import { type Environment, readEnvironment } from '../../shared/config/environment.ts';
import type { Json, JsonObject } from '../../shared/core/json.ts';
import type { CanonicalReport } from '../../shared/core/report.ts';
import { findDuties, findDuty } from '../../shared/local/duties.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import { receive } from '../../shared/runtime/ingress.ts';
import { runDuty } from '../../shared/runtime/run.ts';
import { settle } from '../../shared/runtime/settle.ts';
import { openStoreOf } from '../../shared/wiring/ports.ts';
import { createSystem, policyOf, type System } from '../../shared/wiring/system.ts';
import { removeFolder, temporaryFolder } from './server.ts';

/**
 * How far ahead of the machine's clock a run lives, so that pods made a moment ago are old enough to be judged. Under the two days
 * up to which VictoriaMetrics takes samples of the future.
 */
const AHEAD_HOURS = 26;

export const aheadClock: Clock = {
  now: () => new Date(Date.now() + AHEAD_HOURS * 3_600_000),
  sleep: (milliseconds) => delay(milliseconds),
};

export interface LiveOptions {
  readonly kubeconfig: string;
  readonly metricsUrl: string;
  /** Label matchers that pick this test's series. */
  readonly selector: string;
  readonly namespace: string;
  /** Merged over fixtures/rebalance/policy.yaml. */
  readonly policy?: JsonObject;
}

export interface Live extends AsyncDisposable {
  readonly platform: Platform;
  run(namespace?: string): Promise<CanonicalReport>;
  /** A person clicks a button of the latest message that has it: `ingress` takes it, without a way into the cluster. */
  click(label: string, place?: number): Promise<void>;
  /** `settle` over the same store, so much later and with credentials of its own. */
  settle(kubeconfig: string, minutesLater: number): Promise<SettleReport>;
}

export type SettleReport = Awaited<ReturnType<typeof settle>>;

const POLICY = path.resolve(import.meta.dirname, '../../fixtures/rebalance/policy.yaml');

/** `rebalance` over one namespace of the real cluster, with a fresh store, a fresh chat and a fresh tracker. */
export async function openLive(options: LiveOptions): Promise<Live> {
  const now = aheadClock.now().toISOString();
  const scope = { cluster: 'test', namespace: options.namespace };
  const platform = await startPlatform({
    scenario: parseScenario({
      name: 'live',
      case: { why: 'Only chat and tracker are used of it.', now, scope, expect: {} },
      cluster: { version: 'v1.34.4', podResize: true, objects: [] },
    }),
  });
  const folder = temporaryFolder('live');
  const policyFile = path.join(folder, 'policy.yaml');
  writeFileSync(policyFile, stringify(policyFor(options, platform)));
  const environmentOf = (kubeconfig: string): Environment =>
    readEnvironment({
      ...platform.settings().env,
      NIGHTSHIFT_POLICY: policyFile,
      KUBECONFIG: kubeconfig,
      NIGHTSHIFT_STORE: `sqlite:${path.join(folder, 'store.sqlite')}`,
    });
  const found = await findDuties();
  const store = openStoreOf(environmentOf(options.kubeconfig), aheadClock);
  const policy = await policyOf(
    policyFile,
    found.map(({ duty }) => duty),
  );
  let ids = 0;
  const systemAs = (kubeconfig: string, clock: Clock): System =>
    createSystem({
      environment: environmentOf(kubeconfig),
      policy,
      store,
      clock,
      ids: { next: () => `run-${String((ids += 1)).padStart(4, '0')}` },
      random: () => 0.5,
      write: () => undefined,
      deadlineSeconds: 60,
    });
  const system = systemAs(options.kubeconfig, aheadClock);
  const ready = system.ready(findDuty(found, 'rebalance'));
  return {
    platform,
    async run(namespace = options.namespace) {
      const result = await runDuty(ready.surroundings, ready.duty, ready.policy, {
        scope: { ...scope, namespace },
        dryRun: false,
        trigger: 'manual',
        timeoutSeconds: ready.manifest.timeoutSeconds,
      });
      if (result.kind === 'busy') {
        throw new Error(`The scope is taken by ${result.runId}.`);
      }
      return result.report;
    },
    async click(label, place = 0) {
      const now = aheadClock.now();
      const secret = CREDENTIALS.slackSigningSecret;
      const request = signedRequest(secret, platform.doubles.slack.click({ label, place }), now);
      const { surroundings } = systemAs('/dev/null', aheadClock);
      const answer = await receive(surroundings, { ...request, path: '/slack' });
      if (answer.body['result'] !== 'taken') {
        throw new Error(`ingress answered ${JSON.stringify(answer)}.`);
      }
    },
    settle(kubeconfig, minutesLater) {
      const later: Clock = {
        ...aheadClock,
        now: () => new Date(aheadClock.now().getTime() + minutesLater * 60_000),
      };
      return settle(systemAs(kubeconfig, later).surroundings);
    },
    async [Symbol.asyncDispose]() {
      await store.close();
      await platform.close();
      await removeFolder(folder);
    },
  };
}

function policyFor(options: LiveOptions, platform: Platform): unknown {
  const base = parse(
    readFileSync(POLICY, 'utf8')
      .replaceAll('${METRICS_URL}', options.metricsUrl)
      .replaceAll('${JIRA_URL}', platform.urls.jira),
  ) as Json;
  const own = {
    clusters: { test: { metrics: { selector: options.selector } } },
    duties: { rebalance: { scopes: [{ cluster: 'test', namespaces: [options.namespace] }] } },
  };
  return mergeDeep(mergeDeep(base, own), options.policy ?? {});
}

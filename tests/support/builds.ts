// Scenarios of pipeline-retry with what ticks beside the duty: settle, the public ingress, and Bitbucket's webhooks.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { loadScenario, mergeDeep, parseScenario, type ScenarioSource } from '../../fixtures/platform/scenario.ts';
import type { ActionRecord } from '../../shared/core/action.ts';
import type { JsonObject } from '../../shared/core/json.ts';
import { openScenario, type RunningScenario, type ScenarioOptions } from '../../shared/local/scenario.ts';
import type { Surroundings } from '../../shared/runtime/context.ts';
import { receive } from '../../shared/runtime/ingress.ts';
import { settle } from '../../shared/runtime/settle.ts';
import { startsHere } from '../../shared/runtime/start-run.ts';

const FIXTURES = path.resolve(import.meta.dirname, '../../fixtures/pipeline-retry');
const MINUTE_MILLISECONDS = 60_000;
const DEADLINE_SECONDS = 30;

/** One of the scenario folders, with `policy` merged into its own; `null` takes a part out. */
export function openBuilds(
  name: string,
  options: Partial<ScenarioOptions> = {},
  policy: object = {},
): Promise<RunningScenario> {
  const scenario = loadScenario(path.join(FIXTURES, name));
  const merged = mergeDeep(scenario.policy, policy as JsonObject) as JsonObject;
  return openScenario({ ...scenario, policy: merged }, withDefaults(options));
}

/** A scenario that a test made, over the policy of the folders with `policy` merged in. */
export function openMade(
  bitbucket: ScenarioSource['bitbucket'],
  policy: object = {},
  options: Partial<ScenarioOptions> = {},
): Promise<RunningScenario> {
  const { policy: usual } = loadScenario(path.join(FIXTURES, 'transient'));
  const scenario = parseScenario({
    name: 'made',
    case: {
      why: 'Made by a test of pipeline-retry.',
      now: '2026-03-04T10:00:00Z',
      scope: { workspace: 'example' },
      policy,
      expect: {},
    },
    policy: usual,
    bitbucket,
  });
  return openScenario(scenario, withDefaults(options));
}

function withDefaults(options: Partial<ScenarioOptions>): ScenarioOptions {
  return { duty: 'pipeline-retry', deadlineSeconds: DEADLINE_SECONDS, ...options };
}

const PULL_REQUESTS =
  "pipelines:\n  pull-requests:\n    '**':\n      - step:\n          name: Build\n          script: [npm ci]\n";
/** The end of a log of a build that could not reach the mirror of its packages. */
export const LOST_NAME =
  'npm error code EAI_AGAIN\nnpm error request to https://registry.npm.example/x failed, reason: getaddrinfo EAI_AGAIN registry.npm.example\n';

/** A repository with a pull request whose build failed of the network, and whatever builds besides. */
export function pullRequestShop(others: readonly object[] = []): object {
  return {
    slug: 'shop',
    branches: { main: 'bbbbbbb2', fix: 'aaaaaaa1' },
    pullRequests: [{ id: 5, source: 'fix', commit: 'aaaaaaa1' }],
    pipelineFile: { '*': PULL_REQUESTS },
    pipelines: [
      {
        number: 12,
        commit: 'aaaaaaa1',
        pullRequest: 5,
        createdAt: '-6m',
        steps: [{ name: 'Build', result: ['FAILED', 'SUCCESSFUL'], log: [LOST_NAME, 'ok'] }],
      },
      ...others,
    ],
  };
}

/** The surroundings of a host in one process: events start runs right here. */
export function hostOf(running: RunningScenario): Surroundings {
  const { ready } = running;
  return { ...ready.surroundings, startHere: startsHere(new Map([[ready.duty.name, ready]])) };
}

/** A minute of the schedule: the duty, then settle. */
export async function minute(running: RunningScenario, runs = true): Promise<void> {
  if (runs) {
    await running.run({ trigger: 'schedule' });
  }
  await settle(hostOf(running));
  running.platform.clock.advance(MINUTE_MILLISECONDS);
}

export async function minutes(running: RunningScenario, count: number): Promise<void> {
  for (let passed = 0; passed < count; passed += 1) {
    await minute(running);
  }
}

/** Pipelines that were started through the API, as `repository #number`. */
export function started(running: RunningScenario): readonly string[] {
  return running.platform.doubles.bitbucket.workspace.repositories.flatMap(({ entry, pipelines }) =>
    pipelines.filter(({ creator }) => creator === 'Nightshift').map(({ number }) => `${entry.slug} #${String(number)}`),
  );
}

export async function actionsOf(running: RunningScenario): Promise<readonly ActionRecord[]> {
  const documents = await running.store.query<ActionRecord>('actions', { where: [], limit: 1000 });
  return documents.map(({ data }) => data);
}

/** The texts of the messages that stand in the chat, threads left out. */
export function said(running: RunningScenario): readonly string[] {
  const { messages } = running.platform.doubles.slack.state();
  return messages.filter(({ threadTs }) => threadTs === undefined).map(({ text }) => text ?? '');
}

export interface Door {
  readonly url: string;
  close(): Promise<void>;
}

/** `POST /ingress/bitbucket` of this scenario, over HTTP. */
export async function openDoor(running: RunningScenario): Promise<Door> {
  const surroundings = hostOf(running);
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const headers = Object.fromEntries(
        Object.entries(request.headers).map(([name, value]) => [name, Array.isArray(value) ? value.join() : value]),
      );
      const body = Buffer.concat(parts).toString('utf8');
      receive(surroundings, { headers, body, path: '/ingress/bitbucket' }).then(
        ({ status }) => response.writeHead(status).end(),
        () => response.writeHead(500).end(),
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${String(port)}/ingress/bitbucket`,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => {
          resolve();
        });
      }),
  };
}

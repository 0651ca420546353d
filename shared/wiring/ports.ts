// Puts adapters behind ports, as environment and policy say. The only shared place that knows which adapter serves which port.
// Everything here is lazy: an adapter loads its SDK at its first call, so a run pays only for what it uses.
import { firestoreStore } from '../adapters/firestore/store.ts';
import { kubernetesCluster } from '../adapters/kubernetes/cluster.ts';
import { jiraTracker } from '../adapters/jira/tracker.ts';
import { ollamaModel } from '../adapters/ollama/model.ts';
import { pubSubQueue } from '../adapters/pubsub/queue.ts';
import { slackChat } from '../adapters/slack/chat.ts';
import { sqliteStore } from '../adapters/sqlite/store.ts';
import { systemRandom } from '../adapters/system/clock.ts';
import { victoriaMetrics } from '../adapters/victoria/metrics.ts';
import type { Environment } from '../config/environment.ts';
import { CallerError, ConfigurationError } from '../core/errors.ts';
import type { TeamPolicy } from '../core/policy.ts';
import type { Chat } from '../ports/chat.ts';
import type { Clock } from '../ports/clock.ts';
import type { Cluster } from '../ports/cluster.ts';
import type { Metrics } from '../ports/metrics.ts';
import type { Model } from '../ports/model.ts';
import type { Ports } from '../ports/ports.ts';
import type { Queue } from '../ports/queue.ts';
import type { Store } from '../ports/store.ts';
import type { Tracker } from '../ports/tracker.ts';
import { ciOf } from './ci.ts';
import { mcpPorts, type ToolFinding } from './mcp.ts';
import { picturesOf } from './pictures.ts';
import { deadlineOf, missing, type WiringInput } from './wiring-input.ts';

/** The ports, and how what they keep open ends: a server that was started would keep the process alive. */
export interface ConnectedPorts {
  readonly ports: Ports;
  /** Whether the tools of the MCP server that stands for the platform are what they should be; none without one. */
  inspectPlatform(seen: Store): Promise<readonly ToolFinding[]>;
  close(): Promise<void>;
}

export function connectPorts(input: WiringInput): ConnectedPorts {
  const { environment, team, store, clock, ids, random } = input;
  const mcp = mcpPorts(input);
  const { platform } = mcp;
  const deadline = deadlineOf(input);
  const uses = (system: string): boolean => input.capabilities?.some((name) => name.startsWith(`${system}.`)) ?? true;
  const source = (name: string): TeamPolicy['clusters'][string] => {
    // Own names only: `constructor` is no cluster.
    const found = Object.hasOwn(team.clusters, name) ? team.clusters[name] : undefined;
    if (found === undefined) {
      throw new CallerError(`The policy knows no cluster "${name}".`, {
        field: 'scope.cluster',
        remedy: `Clusters: ${Object.keys(team.clusters).join(', ') || 'none'}. Add it under clusters in the policy.`,
      });
    }
    return found;
  };
  const cluster = remembered((name: string): Cluster => {
    const { context, gke } = source(name);
    if (platform !== undefined) {
      return platform.cluster(name);
    }
    return kubernetesCluster({
      name,
      clock,
      random,
      ...deadline,
      ...(context === undefined ? {} : { context }),
      ...(environment.kubeconfig === undefined ? {} : { kubeconfig: environment.kubeconfig }),
      ...(gke === undefined ? {} : { gke: { ...gke, apiUrl: environment.googleApiUrl } }),
    });
  });
  const metrics = remembered((name: string): Metrics => {
    const { url, tenant, mcp: grafana } = source(name).metrics;
    if (grafana !== undefined) {
      return mcp.grafana(name, grafana);
    }
    if (platform !== undefined) {
      return platform.metrics(name);
    }
    if (url === undefined) {
      throw new ConfigurationError(`The policy names no metrics of cluster ${name}.`, {
        remedy: `Set clusters.${name}.metrics.url.`,
      });
    }
    const { metricsUsername, metricsPassword, metricsBearerToken } = environment;
    return victoriaMetrics({
      url,
      clock,
      random,
      ...deadline,
      ...(tenant === undefined ? {} : { tenant }),
      ...(metricsUsername === undefined ? {} : { username: metricsUsername }),
      ...(metricsPassword === undefined ? {} : { password: metricsPassword }),
      ...(metricsBearerToken === undefined ? {} : { bearerToken: metricsBearerToken }),
    });
  });
  const ports: Ports = {
    cluster,
    metrics,
    ci: uses('ci') ? ciOf(input) : undefined,
    chat: uses('chat') ? (platform === undefined ? chatOf(input) : team.chat && platform.chat) : undefined,
    tracker: uses('tracker')
      ? platform === undefined
        ? trackerOf(input)
        : team.tracker && platform.tracker
      : undefined,
    queue: queueOf(input),
    model: uses('model') ? modelOf(input) : undefined,
    picture: picturesOf(),
    store,
    clock,
    ids,
    problems: () => mcp.problems(),
  };
  return { ports, inspectPlatform: (seen) => mcp.inspectPlatform(seen), close: () => mcp.close() };
}

/** The store that NIGHTSHIFT_STORE names. */
export function openStoreOf(environment: Environment, clock: Clock, random: () => number = systemRandom): Store {
  const { store, firestoreEmulatorHost } = environment;
  if (store.kind === 'sqlite') {
    return sqliteStore({ path: store.path, clock });
  }
  const { project, database } = store;
  return firestoreStore({ project, database, clock, random, emulatorHost: firestoreEmulatorHost });
}

/** The same store for looking at the past only: what is wrong with it is told, and what can be read is given. */
export function openStoreForReading(
  environment: Environment,
  clock: Clock,
  onProblem: (message: string) => void,
): Store {
  const { store } = environment;
  return store.kind === 'sqlite'
    ? sqliteStore({ path: store.path, clock, reading: { onProblem } })
    : openStoreOf(environment, clock);
}

/** The store as NIGHTSHIFT_STORE spells it. */
export function storeLabel({ store }: Environment): string {
  return store.kind === 'sqlite' ? `sqlite:${store.path}` : `firestore:${store.project}/${store.database}`;
}

/** A store that lives as long as the process: for a dry run on a machine that has none. */
export function memoryStore(clock: Clock): Store {
  return sqliteStore({ path: ':memory:', clock });
}

function chatOf(input: WiringInput): Chat | undefined {
  const { environment, team, clock, random } = input;
  if (team.chat === undefined) {
    return undefined;
  }
  if (environment.slackBotToken === undefined) {
    throw missing('chat.slack', 'SLACK_BOT_TOKEN');
  }
  return slackChat({
    token: environment.slackBotToken,
    clock,
    random,
    ...deadlineOf(input),
    apiUrl: environment.slackApiUrl,
  });
}

function trackerOf(input: WiringInput): Tracker | undefined {
  const { environment, team, clock, random } = input;
  if (team.tracker === undefined) {
    return undefined;
  }
  if (environment.jiraEmail === undefined || environment.jiraApiToken === undefined) {
    throw missing('tracker.jira', environment.jiraEmail === undefined ? 'JIRA_EMAIL' : 'JIRA_API_TOKEN');
  }
  return jiraTracker({
    url: team.tracker.jira.url,
    email: environment.jiraEmail,
    token: environment.jiraApiToken,
    clock,
    random,
    ...deadlineOf(input),
  });
}

function queueOf({ environment, clock, random }: WiringInput): Queue | undefined {
  return environment.pubsubProject === undefined
    ? undefined
    : pubSubQueue({
        project: environment.pubsubProject,
        clock,
        random,
        apiUrl: environment.pubsubApiUrl,
      });
}

function modelOf(input: WiringInput): Model | undefined {
  const { environment, team, clock, random } = input;
  if (team.model === 'none') {
    return undefined;
  }
  const { url = environment.ollamaUrl, models, keepAlive, threads } = team.model.ollama;
  if (url === undefined) {
    throw missing('model.ollama without url', 'OLLAMA_URL');
  }
  return ollamaModel({
    url,
    models,
    keepAlive,
    threads,
    clock,
    random,
    ...deadlineOf(input),
    ...(environment.ollamaToken === undefined ? {} : { token: environment.ollamaToken }),
  });
}

function remembered<T>(make: (name: string) => T): (name: string) => T {
  const made = new Map<string, T>();
  return (name) => {
    const known = made.get(name);
    if (known !== undefined) {
      return known;
    }
    const fresh = make(name);
    made.set(name, fresh);
    return fresh;
  };
}

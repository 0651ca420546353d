// Connections to the MCP servers of the policy, and what is remembered of their tools. One connection a server, shared by all ports on it.
import { type McpConnection, mcpConnection, serverLabel } from '../adapters/mcp/connection.ts';
import { mcpChat } from '../adapters/mcp/chat.ts';
import { mcpCluster } from '../adapters/mcp/cluster.ts';
import { GRAFANA_QUERY_TOOL, grafanaMetrics } from '../adapters/mcp/grafana.ts';
import { mcpMetrics } from '../adapters/mcp/metrics.ts';
import { mcpTracker } from '../adapters/mcp/tracker.ts';
import { renderMessage } from '../adapters/slack/blocks.ts';
import { tokenOf, variablesOf } from '../config/policy-secrets.ts';
import { hashOf } from '../core/fingerprint.ts';
import type { JsonObject } from '../core/json.ts';
import type { TeamPolicy } from '../core/policy.ts';
import type { McpMetrics, McpPlatform } from '../core/policy-mcp.ts';
import type { Problem } from '../core/report.ts';
import type { Chat } from '../ports/chat.ts';
import type { Clock } from '../ports/clock.ts';
import type { Cluster } from '../ports/cluster.ts';
import type { Metrics } from '../ports/metrics.ts';
import type { Store } from '../ports/store.ts';
import type { Tracker } from '../ports/tracker.ts';

export interface McpWiringInput {
  readonly team: TeamPolicy;
  readonly store: Store;
  readonly clock: Clock;
  readonly random: () => number;
  readonly deadlineSeconds?: number;
}

/** The ports that stand on MCP servers; `platform` is undefined where the policy has none. */
export interface McpPorts {
  readonly platform:
    | {
        cluster(name: string): Cluster;
        metrics(cluster: string): Metrics;
        readonly chat: Chat;
        readonly tracker: Tracker;
      }
    | undefined;
  /** Metrics of a cluster whose source is an MCP server of its own. */
  grafana(cluster: string, source: McpMetrics): Metrics;
  problems(): readonly Problem[];
  close(): Promise<void>;
}

const PLATFORM_TOOLS = [
  'k8s.snapshot',
  'k8s.update_resources',
  'metrics.query',
  'metrics.query_range',
  'slack.post_message',
  'jira.create_issue',
] as const;

export function mcpPorts(input: McpWiringInput): McpPorts {
  const { team, clock } = input;
  const connections = new Map<string, McpConnection>();

  function connect(source: McpPlatform | McpMetrics, field: string, usualTools: readonly string[]): McpConnection {
    const known = connections.get(field);
    if (known !== undefined) {
      return known;
    }
    const { url, command, env, tools, startSeconds, deadlineSeconds } = source;
    const fresh = mcpConnection({
      url,
      command,
      token: tokenOf(source, field),
      env: variablesOf(env),
      tools: tools ?? usualTools,
      startSeconds,
      deadlineSeconds: input.deadlineSeconds ?? deadlineSeconds,
      compare: (server, seen) => compareTools(input.store, server, seen),
      clock,
      random: input.random,
    });
    connections.set(field, fresh);
    return fresh;
  }

  const { platform } = team;
  return {
    platform:
      platform === undefined
        ? undefined
        : platformPorts(team, platform.mcp, clock, (tools) => connect(platform.mcp, 'platform.mcp', tools)),
    grafana: (cluster, source) =>
      grafanaMetrics(connect(source, `clusters.${cluster}.metrics.mcp`, [GRAFANA_QUERY_TOOL]), source.datasource),
    problems: () =>
      [...connections.values()].flatMap((one) =>
        one.problems().map((message) => ({ kind: 'platform' as const, message })),
      ),
    async close() {
      await Promise.all([...connections.values()].map((one) => one.close()));
    },
  };
}

function platformPorts(
  team: TeamPolicy,
  { toolNames }: McpPlatform,
  clock: Clock,
  connect: (tools: readonly string[]) => McpConnection,
): NonNullable<McpPorts['platform']> {
  const spelled = (tool: string): string => (toolNames === 'dotted' ? tool : tool.replaceAll('.', '_'));
  const connection = connect(PLATFORM_TOOLS.map(spelled));
  const isAlone = Object.keys(team.clusters).length === 1;
  const remoteName = (name: string): string | undefined => (isAlone ? undefined : name);
  return {
    cluster: (name) => mcpCluster({ connection, name, remoteName: remoteName(name), spelled }),
    metrics: (cluster) => mcpMetrics({ connection, remoteName: remoteName(cluster), spelled }),
    chat: mcpChat({
      connection,
      spelled,
      render: ({ message, links }) => {
        const { text, blocks } = renderMessage(message, links);
        return { text, blocks: shownBlocks(blocks) };
      },
    }),
    tracker: mcpTracker({ connection, spelled, clock }),
  };
}

/** Without buttons: who presses one could not be known behind another's tool. */
function shownBlocks(blocks: ReturnType<typeof renderMessage>['blocks']): readonly JsonObject[] {
  return blocks.flatMap((block) => (block.type === 'actions' ? [] : [{ ...block }]));
}

interface SeenTools {
  readonly server: string;
  /** Name to hash of description and input schema. */
  readonly tools: Readonly<Record<string, string>>;
}

/** Forgets how the tools of the policy's servers were seen first, so that they are taken as they are now; gives the servers. */
export async function acceptTools(store: Store, team: TeamPolicy): Promise<readonly string[]> {
  const metrics = Object.values(team.clusters).flatMap((cluster) => cluster.metrics.mcp ?? []);
  const servers = [...metrics, ...(team.platform === undefined ? [] : [team.platform.mcp])].map(serverLabel);
  const forgotten: string[] = [];
  for (const server of new Set(servers)) {
    const seen = await store.read<SeenTools>('mcp-tools', hashOf(server));
    if (seen !== undefined) {
      await store.commit([{ op: 'remove', collection: 'mcp-tools', id: seen.id, version: seen.version }]);
      forgotten.push(server);
    }
  }
  return forgotten;
}

/** Remembers tools at first sight; gives those that are otherwise now. */
async function compareTools(
  store: Store,
  server: string,
  now: Readonly<Record<string, string>>,
): Promise<readonly string[]> {
  const id = hashOf(server);
  const before = await store.read<SeenTools>('mcp-tools', id);
  const known = before?.data.tools ?? {};
  const isNew = Object.keys(now).some((name) => known[name] === undefined);
  if (isNew) {
    const data: SeenTools = { server, tools: { ...now, ...known } };
    // Lost to another instance that saw them at the same time: the next start tries again.
    await store.commit([
      before === undefined
        ? { op: 'create', collection: 'mcp-tools', id, data }
        : { op: 'replace', collection: 'mcp-tools', id, data, version: before.version },
    ]);
  }
  return Object.keys(now).filter((name) => known[name] !== undefined && known[name] !== now[name]);
}

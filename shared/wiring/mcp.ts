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
  /** Whether each tool of the platform may be called, is there, takes what we send, and is as `seen` remembers it. Nothing is called. */
  inspectPlatform(seen: Store): Promise<readonly ToolFinding[]>;
  problems(): readonly Problem[];
  close(): Promise<void>;
}

/** Tools of the platform, with the arguments that we may send. */
const PLATFORM_TOOLS: Readonly<Record<string, readonly string[]>> = {
  'k8s.snapshot': ['cluster', 'namespace', 'parts', 'name', 'nodes', 'after'],
  'k8s.update_resources': ['pod', 'cpu_request', 'cpu_limit', 'mem_request', 'mem_limit'],
  'metrics.query': ['query', 'at', 'cluster'],
  'metrics.query_range': ['query', 'from', 'to', 'step_seconds', 'cluster'],
  'slack.post_message': ['channel', 'text', 'blocks'],
  'jira.create_issue': ['project', 'title', 'body'],
};

export interface ToolFinding {
  /** As the server spells it. */
  readonly tool: string;
  /** What is wrong with it, `undefined` when nothing is. */
  readonly why: string | undefined;
}

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
        : platformPorts(team, platform.mcp, clock, connect(platform.mcp, 'platform.mcp', spelledTools(platform.mcp))),
    grafana: (cluster, source) =>
      grafanaMetrics(connect(source, `clusters.${cluster}.metrics.mcp`, [GRAFANA_QUERY_TOOL]), source.datasource),
    inspectPlatform: async (seen) =>
      platform === undefined
        ? []
        : inspected(connect(platform.mcp, 'platform.mcp', spelledTools(platform.mcp)), platform.mcp, seen),
    problems: () =>
      [...connections.values()].flatMap((one) =>
        one.problems().map((message) => ({ kind: 'platform' as const, message })),
      ),
    async close() {
      await Promise.all([...connections.values()].map((one) => one.close()));
    },
  };
}

function spelledBy({ toolNames }: McpPlatform, tool: string): string {
  return toolNames === 'dotted' ? tool : tool.replaceAll('.', '_');
}

function spelledTools(source: McpPlatform): readonly string[] {
  return Object.keys(PLATFORM_TOOLS).map((tool) => spelledBy(source, tool));
}

async function inspected(connection: McpConnection, source: McpPlatform, seen: Store): Promise<readonly ToolFinding[]> {
  const described = await connection.described();
  const before = (await seen.read<SeenTools>('mcp-tools', hashOf(connection.label)))?.data.tools ?? {};
  return Object.entries(PLATFORM_TOOLS).map(([name, sent]): ToolFinding => {
    const tool = spelledBy(source, name);
    const found = described.get(tool);
    if (source.tools !== undefined && !source.tools.includes(tool)) {
      return { tool, why: 'it is not in platform.mcp.tools, and so is never called' };
    }
    if (found === undefined) {
      return { tool, why: 'that server has no such tool' };
    }
    const unknown = found.required.filter((argument) => !sent.includes(argument));
    const refused = sent.filter((argument) => found.taken?.includes(argument) === false);
    if (unknown.length + refused.length > 0) {
      const says = [
        ...(unknown.length === 0 ? [] : [`wants ${unknown.join(', ')}, which nobody sends`]),
        ...(refused.length === 0 ? [] : [`does not take ${refused.join(', ')}`]),
      ];
      return { tool, why: `it ${says.join(' and ')}` };
    }
    const isChanged = before[tool] !== undefined && before[tool] !== found.hash;
    return { tool, why: isChanged ? 'it describes itself otherwise than when it was first used' : undefined };
  });
}

function platformPorts(
  team: TeamPolicy,
  source: McpPlatform,
  clock: Clock,
  connection: McpConnection,
): NonNullable<McpPorts['platform']> {
  const spelled = (tool: string): string => spelledBy(source, tool);
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

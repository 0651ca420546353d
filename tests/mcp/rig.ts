// Our tools over a scenario, called without a transport, as one caller sees them.
import path from 'node:path';
import { loadScenario } from '../../fixtures/platform/scenario.ts';
import type { McpToolAnswer } from '../../shared/adapters/mcp/server.ts';
import type { GrantKind, McpGrant } from '../../shared/core/policy-mcp.ts';
import type { JsonObject } from '../../shared/core/json.ts';
import type { Mode } from '../../shared/core/policy.ts';
import type { RunningHost } from '../../shared/local/host.ts';
import { mcpRoute } from '../../shared/local/mcp/route.ts';
import { toolServer } from '../../shared/local/mcp/server.ts';
import { openScenario, type RunningScenario } from '../../shared/local/scenario.ts';
import { scenarioHost } from '../../shared/local/scenario-host.ts';

export const CHALLENGE = path.resolve(import.meta.dirname, '../../fixtures/rebalance/challenge');

export interface ToolRig {
  readonly running: RunningScenario;
  /** Calls a tool as a caller with that grant. */
  as(grant: GrantKind, name?: string): { call(tool: string, input: object, marker?: string): Promise<McpToolAnswer> };
  close(): Promise<void>;
}

export async function toolRig(
  options: { readonly mode?: Mode; readonly folder?: string; readonly policy?: JsonObject } = {},
): Promise<ToolRig> {
  const scenario = loadScenario(options.folder ?? CHALLENGE);
  const modes = options.mode === undefined ? {} : { modes: [{ action: '*', mode: options.mode }] };
  const running = await openScenario(
    { ...scenario, policy: { ...scenario.policy, ...modes, ...options.policy } },
    { duty: 'rebalance' },
  );
  const { cluster, namespace } = scenario.case.scope;
  return {
    running,
    as(grant, name = 'test') {
      const caller = { by: `mcp:${name}`, grant, tell: true };
      const context = { surroundings: running.ready.surroundings, duties: [running.ready], cluster, namespace, caller };
      const server = toolServer(context, { version: '0', toolNames: 'dotted' });
      return { call: (tool, input, marker) => server.call({ name: tool, arguments: input, marker }) };
    },
    close: () => running.close(),
  };
}

/** The same tools at `/mcp` of a host, for those who come with a token. */
export async function toolHost({ running }: ToolRig, grants: McpGrant[]): Promise<RunningHost> {
  const { surroundings } = running.ready;
  const team = { ...surroundings.team, mcp: { grants, toolNames: 'dotted' as const, channels: [], projects: [] } };
  const mcp = await mcpRoute({ surroundings: { ...surroundings, team }, duties: [running.ready] });
  return scenarioHost(running, { mcp });
}

/** The result, or a failed test with the tool's error. */
export function resultOf(answer: McpToolAnswer): JsonObject {
  if ('error' in answer) {
    throw new Error(`The tool answered with an error: ${answer.error}`);
  }
  return answer.result;
}

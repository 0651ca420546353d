// Connections to scripted MCP servers, on a process or over HTTP.
import path from 'node:path';
import {
  type McpConnection,
  mcpConnection,
  type McpConnectionOptions,
} from '../../../shared/adapters/mcp/connection.ts';
import { MARKER } from '../../../shared/adapters/mcp/marker.ts';
import { testClock } from '../../support/runtime.ts';

export const SERVER = path.join(import.meta.dirname, 'scripted-server.ts');
export const TOOLS = ['k8s.snapshot', 'k8s.update_resources', 'slack.post_message', 'jira.create_issue'];

export function connectTo(options: Partial<McpConnectionOptions>): McpConnection {
  return mcpConnection({
    tools: TOOLS,
    startSeconds: 30,
    deadlineSeconds: 2,
    compare: () => Promise.resolve([]),
    clock: testClock(),
    random: () => 0,
    ...options,
  });
}

/** A server on stdio that misbehaves so. */
export function scripted(how: string, options: Partial<McpConnectionOptions> = {}, marked = false): McpConnection {
  const command = [process.execPath, SERVER, how, 'A tool.', ...(marked ? [MARKER] : [])];
  return connectTo({ command, ...options });
}

// An MCP server on stdin and stdout that misbehaves as its first argument says. It speaks JSON-RPC by hand: the SDK would not let it.
import { createInterface } from 'node:readline';

const [how = '', description = 'A tool.', marker = ''] = process.argv.slice(2);
const LARGE = 11 * 1024 * 1024;

interface Asked {
  readonly id?: number;
  readonly method: string;
}

function say(message: object | string): void {
  process.stdout.write(`${typeof message === 'string' ? message : JSON.stringify(message)}\n`);
}

const NAMES = ['k8s.snapshot', 'k8s.update_resources', 'slack.post_message', 'jira.create_issue'];

function toolReply(): object {
  switch (how) {
    case 'tool-error':
      return { content: [{ type: 'text', text: 'it \u0007failed\nbadly' }], isError: true };
    case 'wrong-shape':
      return { content: [{ type: 'text', text: '{"ts":17}' }], structuredContent: { ts: 17 } };
    case 'no-json':
      return { content: [{ type: 'text', text: 'Done!' }] };
    case 'large':
      return { content: [{ type: 'text', text: 'x'.repeat(LARGE) }] };
    default:
      return { content: [{ type: 'text', text: '{"ts":"1.2","url":"https://chat.example/1"}' }] };
  }
}

function answer({ id, method }: Asked): void {
  switch (method) {
    case 'initialize':
      if (how !== 'never-starts') {
        const serverInfo = { name: 'scripted', version: '1' };
        say({ jsonrpc: '2.0', id, result: { protocolVersion: '2025-06-18', capabilities: { tools: {} }, serverInfo } });
      }
      return;
    case 'tools/list': {
      const meta = marker === '' ? {} : { _meta: { [marker]: true } };
      const tools = NAMES.map((name) => ({ name, description, inputSchema: { type: 'object' }, ...meta }));
      say({ jsonrpc: '2.0', id, result: { tools } });
      return;
    }
    case 'tools/call':
      if (how === 'dies') {
        process.stderr.write('panic: out of cheese\n');
        process.exit(3);
      }
      if (how === 'hangs') {
        return;
      }
      if (how === 'refuses') {
        say({ jsonrpc: '2.0', id, error: { code: -32602, message: 'no such channel' } });
        return;
      }
      if (how === 'fails') {
        say({ jsonrpc: '2.0', id, error: { code: -32603, message: 'internal' } });
        return;
      }
      if (how === 'garbage') {
        say('this is no JSON');
      }
      say({ jsonrpc: '2.0', id, result: toolReply() });
      return;
    default:
  }
}

if (how === 'exits') {
  process.stderr.write('no configuration found\n');
  process.exit(1);
}
if (how === 'chatty') {
  // Far more than a pipe holds: whoever does not read it makes us stand still.
  process.stderr.write('noise '.repeat(200_000));
}
createInterface({ input: process.stdin }).on('line', (line) => {
  answer(JSON.parse(line) as Asked);
});

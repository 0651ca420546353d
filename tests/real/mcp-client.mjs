// A client by the first generation of the official SDK, from the folder in argv: lists tools, calls those that stdin names, and prints
// what it got as JSON.
import { createRequire } from 'node:module';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';

const [folder, how, ...rest] = process.argv.slice(2);
const require = createRequire(`${folder}/package.json`);
const load = (name) => import(pathToFileURL(require.resolve(`@modelcontextprotocol/sdk/${name}`)).href);
const calls = JSON.parse(await text(process.stdin));

async function transport() {
  if (how === 'http') {
    const { StreamableHTTPClientTransport } = await load('client/streamableHttp.js');
    const headers = { authorization: `Bearer ${rest[1]}` };
    return new StreamableHTTPClientTransport(new URL(rest[0]), { requestInit: { headers } });
  }
  const { StdioClientTransport } = await load('client/stdio.js');
  return new StdioClientTransport({ command: rest[0], args: rest.slice(1) });
}

const { Client } = await load('client/index.js');
const client = new Client({ name: 'first-generation', version: '1' });
await client.connect(await transport());
const { tools } = await client.listTools();
const answers = [];
for (const [name, args] of calls) {
  const { structuredContent, isError } = await client.callTool({ name, arguments: args });
  answers.push([isError === true ? null : structuredContent, isError === true]);
}
await client.close();
console.log(JSON.stringify({ tools: tools.map((tool) => tool.name), answers }));

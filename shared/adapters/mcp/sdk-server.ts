// The server half of the official SDK, loaded by `import()` of this file when somebody serves: 2 MB that no function needs.
export { toNodeHandler } from '@modelcontextprotocol/node';
export { createMcpHandler, Server } from '@modelcontextprotocol/server';
export { serveStdio, StdioServerTransport } from '@modelcontextprotocol/server/stdio';

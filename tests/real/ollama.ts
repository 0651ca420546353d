// A real Ollama for tests, with a model of random weights that we write ourselves.
import { createHash } from 'node:crypto';
import { binary } from './binaries.ts';
import { randomModel } from './gguf.ts';
import { type Server, startServer } from './server.ts';

export const RANDOM_MODEL = 'random:test';

export interface RealOllama extends AsyncDisposable {
  readonly url: string;
  log(): string;
}

export async function startOllama(): Promise<RealOllama> {
  const command = await binary('ollama');
  const server = await startServer({
    name: 'ollama',
    command,
    portCount: 1,
    args: () => ['serve'],
    environment: ({ ports, folder }) => ({
      OLLAMA_HOST: `127.0.0.1:${String(ports[0])}`,
      OLLAMA_MODELS: `${folder}/models`,
      HOME: folder,
      OLLAMA_KEEP_ALIVE: '5m',
    }),
    ready: async ([port]) => (await fetch(`http://127.0.0.1:${String(port)}/api/version`)).ok,
  });
  const url = `http://127.0.0.1:${String(server.ports[0])}`;
  try {
    await createModel(url, server);
  } catch (error) {
    await server.close();
    throw error;
  }
  return { url, log: () => server.log(), [Symbol.asyncDispose]: () => server.close() };
}

async function createModel(url: string, server: Server): Promise<void> {
  const content = randomModel(11);
  const digest = `sha256:${createHash('sha256').update(content).digest('hex')}`;
  await send(`${url}/api/blobs/${digest}`, new Uint8Array(content), server);
  const model = {
    model: RANDOM_MODEL,
    files: { 'random.gguf': digest },
    // More threads than cores make a tiny model slow on a machine that is busy.
    parameters: { num_thread: 1 },
    stream: false,
  };
  await send(`${url}/api/create`, JSON.stringify(model), server);
}

async function send(url: string, body: Uint8Array<ArrayBuffer> | string, server: Server): Promise<void> {
  const reply = await fetch(url, { method: 'POST', body });
  if (!reply.ok) {
    throw new Error(`POST ${url}: ${String(reply.status)} ${await reply.text()}\n${server.log()}`);
  }
}

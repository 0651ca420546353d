// The adapter of Ollama against its double over HTTP: what is asked, what each way to fail is told as, and that a deadline ends
// the generation on the server too.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { scenarioClock } from '../../../fixtures/platform/clock.ts';
import { type Fault, type RecordedCall, serve } from '../../../fixtures/platform/kit.ts';
import { ollamaDouble, type OllamaDouble } from '../../../fixtures/platform/ollama/ollama.ts';
import { validate } from '../../../fixtures/platform/spec-check.ts';
import { ollamaModel, type OllamaOptions } from '../../../shared/adapters/ollama/model.ts';
import { PlatformError } from '../../../shared/core/errors.ts';
import type { Model, ModelRequest } from '../../../shared/ports/model.ts';

const START = '2026-01-15T12:00:00.000Z';
const MODELS = { summary: 'small:1b', analysis: 'missing:7b' };
const SCHEMA = { type: 'object', properties: { text: { type: 'string' } }, required: ['text'] };
const REQUEST: ModelRequest = {
  task: 'summary',
  messages: [
    { role: 'system', content: 'You word facts.' },
    { role: 'user', content: 'The facts.' },
  ],
  schema: SCHEMA,
  promptTokens: 500,
  replyTokens: 200,
  deadlineSeconds: 20,
};

const closing: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0)) {
    await close();
  }
});

interface Rig {
  readonly model: Model;
  readonly double: OllamaDouble;
  readonly faults: Fault[];
  readonly calls: RecordedCall[];
}

async function rig(replies: readonly string[], options: Partial<OllamaOptions> = {}): Promise<Rig> {
  const clock = scenarioClock(START);
  const faults: Fault[] = [];
  const calls: RecordedCall[] = [];
  const double = ollamaDouble({ clock, models: ['small:1b'], replies });
  const running = await serve(double, {
    clock,
    faults,
    calls,
    validate: (request, reply) => validate('ollama', request, reply),
  });
  closing.push(async () => {
    await running.close();
    expect(calls.flatMap(({ violations }) => violations)).toEqual([]);
  });
  const model = ollamaModel({
    url: running.url,
    models: MODELS,
    keepAlive: '30m',
    clock: { now: () => clock.now(), sleep: () => Promise.resolve() },
    random: () => 0.5,
    ...options,
  });
  return { model, double, faults, calls };
}

/** A server that answers every request the same, for what our double never says. */
async function fixedServer(type: string, body: string): Promise<string> {
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': type });
    response.end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(
    () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => {
          resolve();
        });
      }),
  );
  return `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
}

function failureOf(promise: Promise<unknown>): Promise<PlatformError> {
  return promise.then(
    () => {
      throw new Error('It did not fail.');
    },
    (error: unknown) => {
      expect(error).toBeInstanceOf(PlatformError);
      return error as PlatformError;
    },
  );
}

describe('a call', () => {
  test('is bound to the schema, hardly random, sized by the prompt, and keeps the model as policy says', async () => {
    const { model, double } = await rig(['{"text":"All is well."}']);

    const reply = await model.ask(REQUEST);

    expect(reply).toMatchObject({ text: '{"text":"All is well."}', model: 'small:1b', promptTokens: 7 });
    expect(double.asked).toEqual([
      {
        model: 'small:1b',
        messages: [
          { role: 'system', content: 'You word facts.' },
          { role: 'user', content: 'The facts.' },
        ],
        format: SCHEMA,
        options: { num_ctx: 1024, num_predict: 200, temperature: 0.1, seed: 7 },
        keepAlive: '30m',
      },
    ]);
  });

  test('computes with as many threads as policy says', async () => {
    const { model, double } = await rig(['{}'], { threads: 2 });

    await model.ask(REQUEST);

    expect(double.asked[0]?.options['num_thread']).toBe(2);
  });

  test('asks for a larger context in powers of two, since each other size loads the model anew', async () => {
    const { model, double } = await rig(['{}']);

    await model.ask({ ...REQUEST, promptTokens: 700 });
    await model.ask({ ...REQUEST, promptTokens: 1200 });

    expect(double.asked.map(({ options }) => options['num_ctx'])).toEqual([2048, 2048]);
  });

  test('carries the token of a proxy, and never shows it in a failure', async () => {
    const { model, faults } = await rig(['{}'], { token: 'proxy-secret' });
    faults.push({ system: 'ollama', operation: 'chat', kind: 'expired-token' });

    const error = await failureOf(model.ask(REQUEST));

    expect(error.full).toContain('OLLAMA_TOKEN');
    expect(error.full).not.toContain('proxy-secret');
  });

  test('is tried once more after a passing failure', async () => {
    const { model, faults, calls } = await rig(['{"text":"x"}']);
    faults.push({ system: 'ollama', operation: 'chat', kind: '500', call: 1 });

    const { text } = await model.ask(REQUEST);

    expect(text).toBe('{"text":"x"}');
    expect(calls).toHaveLength(2);
  });
});

describe('a failure says what to do', () => {
  test('for a model that was not pulled', async () => {
    const { model } = await rig([]);

    const error = await failureOf(model.ask({ ...REQUEST, task: 'analysis' }));

    expect(error.failure.status).toBe(404);
    expect(error.full).toContain('ollama pull missing:7b');
  });

  test('for a runner that died', async () => {
    const { model, faults } = await rig([]);
    faults.push({ system: 'ollama', operation: 'chat', kind: '500' });

    expect((await failureOf(model.ask(REQUEST))).message).toContain('llama runner process has terminated');
  });

  test('for a stream that is slower than the deadline, which ends it on the server too', async () => {
    const { model, faults, calls } = await rig(['{"text":"a reply of many pieces that never ends in time"}']);
    faults.push({ system: 'ollama', operation: 'chat', kind: 'trickle', delayMilliseconds: 200 });

    const error = await failureOf(model.ask({ ...REQUEST, deadlineSeconds: 0.5 }));

    expect(error.failure.code).toBe('TIMEOUT');
    expect(error.message).toContain('deadline of 0.5 s');
    expect(calls).toHaveLength(1);
  });

  test('for a server that says nothing', async () => {
    const { model, faults } = await rig([]);
    faults.push({ system: 'ollama', operation: 'chat', kind: 'hang' });

    expect((await failureOf(model.ask({ ...REQUEST, deadlineSeconds: 0.3 }))).failure.code).toBe('TIMEOUT');
  });

  test('for a stream that is cut', async () => {
    const { model, faults } = await rig(['{"text":"a reply of many pieces"}']);
    faults.push({ system: 'ollama', operation: 'chat', kind: 'cut' });

    expect((await failureOf(model.ask(REQUEST))).message).toMatch(/lost in the middle|before the reply was whole/);
  });

  test('for something that is no Ollama', async () => {
    const { model, faults } = await rig([]);
    faults.push({ system: 'ollama', operation: 'chat', kind: 'garbage' });

    expect((await failureOf(model.ask(REQUEST))).message).toContain('something that is not JSON');
  });

  test('for a stream without an end', async () => {
    const url = await fixedServer(
      'application/x-ndjson',
      '{"message":{"role":"assistant","content":"a"},"done":false}\n',
    );
    const { model } = await rig([], { url });

    expect((await failureOf(model.ask(REQUEST))).failure.code).toBe('CUT');
  });

  test('for an error in the middle of a stream', async () => {
    const url = await fixedServer(
      'application/x-ndjson',
      '{"error":"an error was encountered while running the model"}\n',
    );
    const { model } = await rig([], { url });

    expect((await failureOf(model.ask(REQUEST))).message).toContain('an error was encountered while running the model');
  });

  test('for a reply of megabytes, which is not read to its end', async () => {
    const line = `${JSON.stringify({ message: { role: 'assistant', content: 'x'.repeat(4000) }, done: false })}\n`;
    const url = await fixedServer('application/x-ndjson', line.repeat(2600));
    const { model } = await rig([], { url });

    expect((await failureOf(model.ask(REQUEST))).failure.code).toBe('TOO_LARGE');
  });
});

test('tells version and models of the server', async () => {
  const { model } = await rig([]);

  expect(await model.installed()).toEqual({ version: '0.17.4', models: ['small:1b'] });
  expect(model.nameFor('analysis')).toBe('missing:7b');
});

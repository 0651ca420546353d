// The adapter on a real Ollama: schema-bound replies, its errors, its timings, and that a deadline ends the generation there too.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ollamaModel } from '../../shared/adapters/ollama/model.ts';
import { systemClock } from '../../shared/adapters/system/clock.ts';
import { PlatformError } from '../../shared/core/errors.ts';
import { OllamaSource } from '../../shared/core/policy-model.ts';
import { type Finding, runChecks } from '../../shared/local/cli/doctor-check.ts';
import { modelChecks } from '../../shared/local/cli/doctor-model.ts';
import type { Model, ModelRequest } from '../../shared/ports/model.ts';
import { RANDOM_MODEL, type RealOllama, startOllama } from './ollama.ts';
import { describeWith } from './suite.ts';

const REQUEST: ModelRequest = {
  task: 'summary',
  messages: [
    { role: 'system', content: 'You reword facts.' },
    { role: 'user', content: '4 pods were scanned.' },
  ],
  schema: {
    type: 'object',
    properties: { text: { type: 'string', maxLength: 24 }, tone: { type: 'string', enum: ['plain', 'none'] } },
    required: ['text', 'tone'],
    additionalProperties: false,
  },
  promptTokens: 120,
  replyTokens: 120,
  deadlineSeconds: 60,
};
const ENDLESS: ModelRequest = {
  ...REQUEST,
  schema: { type: 'object', properties: { text: { type: 'string', minLength: 3000 } }, required: ['text'] },
  replyTokens: 3500,
};

let ollama: RealOllama | undefined;

describeWith(
  ['model'],
  'the Ollama adapter on a real server',
  () => ollama?.log(),
  () => {
    beforeAll(async () => {
      ollama = await startOllama();
    });

    afterAll(async () => {
      await ollama?.[Symbol.asyncDispose]();
    });

    function model(keepAlive = '5m', missing = 'missing:1b'): Model {
      return ollamaModel({
        url: ollama?.url ?? '',
        models: { summary: RANDOM_MODEL, analysis: missing },
        keepAlive,
        clock: systemClock,
        random: () => 0.5,
      });
    }

    async function loaded(): Promise<readonly string[]> {
      const reply = (await (await fetch(`${ollama?.url ?? ''}/api/ps`)).json()) as { models: { name: string }[] };
      return reply.models.map(({ name }) => name);
    }

    test('a reply fits the schema whatever the weights say, is the same for a seed, and is timed', async () => {
      const first = await model().ask(REQUEST);
      const second = await model().ask(REQUEST);

      const value = JSON.parse(first.text) as { text: string; tone: string };
      expect(Object.keys(value).sort()).toEqual(['text', 'tone']);
      expect(value.text.length).toBeLessThanOrEqual(24);
      expect(['plain', 'none']).toContain(value.tone);
      expect(second.text).toBe(first.text);
      expect(first).toMatchObject({ model: RANDOM_MODEL });
      expect(first.promptTokens).toBeGreaterThan(10);
      expect(first.replySeconds).toBeGreaterThan(0);
    });

    test('a model that is not there is told with what to do', async () => {
      const error: unknown = await model()
        .ask({ ...REQUEST, task: 'analysis' })
        .catch((one: unknown) => one);

      expect(error).toBeInstanceOf(PlatformError);
      expect((error as PlatformError).failure.status).toBe(404);
      expect((error as PlatformError).full).toContain('ollama pull missing:1b');
    });

    test('a deadline ends the generation on the server, which answers the next call', async () => {
      const error: unknown = await model()
        .ask({ ...ENDLESS, deadlineSeconds: 0.4 })
        .catch((one: unknown) => one);
      const next = await model().ask(REQUEST);

      expect((error as PlatformError).failure.code).toBe('TIMEOUT');
      expect(JSON.parse(next.text)).toHaveProperty('tone');
    });

    test('policy keeps the model loaded, or lets it go', async () => {
      await model('5m').ask(REQUEST);
      expect(await loaded()).toEqual([RANDOM_MODEL]);

      await model('1s').ask(REQUEST);
      await expect.poll(loaded, { timeout: 60_000, interval: 500 }).toEqual([]);
    });

    test('the doctor measures it, again after it has read the same before, and names a model that is not there', async () => {
      const examine = (summary: string): Promise<readonly Finding[]> =>
        runChecks([
          modelChecks({
            model: () =>
              ollamaModel({
                url: ollama?.url ?? '',
                models: { summary, analysis: RANDOM_MODEL },
                keepAlive: '5m',
                clock: systemClock,
                random: () => 0.5,
              }),
            source: OllamaSource.parse({ models: { summary, analysis: RANDOM_MODEL } }),
            deadlineSeconds: 60,
            clock: systemClock,
          }),
        ]);

      const findings = [await examine(RANDOM_MODEL), await examine(RANDOM_MODEL)];
      const missing = await examine('missing:1b');

      const speeds = findings.map(
        (found) => found.find(({ check }) => check === `speed of ${RANDOM_MODEL}`)?.detail ?? '',
      );
      expect(speeds.join('\n')).toMatch(/reads [0-9]+ and writes [0-9.]+ tokens a second/);
      const [first = 0, second = 0] = speeds.map((detail) => Number(/reads ([0-9]+)/.exec(detail)?.[1]));
      // Of a cache it would tell hundreds of times as much.
      expect(second).toBeLessThan(first * 20);
      expect(missing.find(({ level }) => level === 'failure')?.remedy).toContain('ollama pull missing:1b');
    });

    test('version and models are told', async () => {
      const { version, models } = await model().installed();

      expect(version).toMatch(/^[0-9]+\.[0-9]+\.[0-9]+/);
      expect(models).toEqual([RANDOM_MODEL]);
    });
  },
);

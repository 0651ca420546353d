// A known secret put into every text that a stranger or a system may hand us: nothing that is stored, told or answered holds it.
import path from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { loadScenario } from '../../fixtures/platform/scenario.ts';
import { processTerminal } from '../../shared/local/cli/terminal.ts';
import { openScenario } from '../../shared/local/scenario.ts';
import type { Decision } from '../../shared/core/decision.ts';
import { INDEXES } from '../../shared/core/collections.ts';
import { paragraph, text } from '../../shared/core/document.ts';
import { CallerError, PlatformError } from '../../shared/core/errors.ts';
import { secretMasker } from '../../shared/core/mask.ts';
import type { Duty } from '../../shared/runtime/duty.ts';
import { answer, type Answer } from '../../shared/runtime/http.ts';
import { drainOutbox } from '../../shared/runtime/outbox.ts';
import { readRun, type RunRecord } from '../../shared/runtime/run-record.ts';
import { sizeDuty, testRuntime, type TestRuntime, testThings } from '../support/runtime.ts';
import { SCOPE } from './rig.ts';

/** Of no known shape: found by its value alone. With characters that JSON, HTML and URLs write in other ways. */
const SECRET = 'k8s"static&token/0123';

function leaky(runtime: TestRuntime): Duty {
  const duty = sizeDuty(runtime.things, { a: 125, b: 0 });
  const message = { title: `t ${SECRET}`, blocks: [paragraph(text(SECRET))] };
  return {
    ...duty,
    decide: (...input) =>
      duty.decide(...input).map((decision): Decision => {
        const reason = { ...decision.reason, sentence: `says ${SECRET}`, evidence: { said: SECRET } };
        const { escalation } = decision;
        return {
          ...decision,
          reason,
          ...(escalation && { escalation: { ...escalation, title: SECRET, body: [paragraph(text(SECRET))] } }),
        };
      }),
    problems: () => [{ kind: 'platform', message: `answered ${SECRET}` }],
    report: () => ({
      summary: { said: SECRET },
      message: { ...message, file: { name: 'f', title: SECRET, content: `${SECRET}\n`.repeat(20_000) } },
    }),
  };
}

function leaking(): PlatformError {
  return new PlatformError(
    { system: 'Proxy', operation: 'post', target: SECRET, status: 502, applied: 'no' },
    `it answered: Authorization: ${SECRET}`,
    { remedy: `Look at ${SECRET}.` },
  );
}

function ask(runtime: TestRuntime, duty: Duty, body = JSON.stringify({ scope: SCOPE })): Promise<Answer> {
  const { policy, surroundings } = runtime;
  const manifest = { name: 'test', timeoutSeconds: 300, fanOut: false };
  return answer({ duty, policy, manifest, surroundings }, { headers: {}, body });
}

/** Everything that the store holds, large documents opened. */
async function stored(runtime: TestRuntime): Promise<string> {
  const all: unknown[] = [];
  for (const collection of INDEXES.keys()) {
    const documents = await runtime.store.query<RunRecord>(collection, { where: [], limit: 100 });
    all.push(documents);
    if (collection === 'runs') {
      for (const { id } of documents) {
        all.push(await readRun(runtime.surroundings, id));
      }
    }
  }
  return JSON.stringify(all);
}

function holds(value: unknown): boolean {
  const said = typeof value === 'string' ? value : JSON.stringify(value);
  return said.includes(SECRET) || said.includes(JSON.stringify(SECRET).slice(1, -1)) || said.includes('static&token');
}

describe('a secret', () => {
  const masking = (things = testThings({ a: 100, b: 1 })): TestRuntime =>
    testRuntime({ things, mask: secretMasker([SECRET]) });

  test('in the words of a run is in no answer, no message, no issue and no document', async () => {
    const runtime = masking();
    const files: string[] = [];
    const { upload } = runtime.chat;
    runtime.chat.upload = (file) => {
      files.push(JSON.stringify(file));
      return upload(file);
    };
    const { status, body } = await ask(runtime, leaky(runtime));
    expect([status, runtime.things.effects]).toEqual([200, ['a=125']]);
    expect(holds(body)).toBe(false);
    expect(holds(await stored(runtime))).toBe(false);
    expect(runtime.chat.messages).toHaveLength(1);
    expect(files).toHaveLength(1);
    expect(holds(runtime.chat.messages) || holds(files)).toBe(false);
    expect(runtime.tracker.issues).toHaveLength(1);
    expect(holds(runtime.tracker.issues)).toBe(false);
    expect(JSON.stringify(body)).toContain('says ***');
  });

  test('in what a platform answers to a change is in no journal, no issue and no answer', async () => {
    const runtime = masking();
    const [kind] = runtime.surroundings.kinds.values();
    const kinds = new Map([['test.size', { ...kind, apply: () => Promise.reject(leaking()) } as typeof kind & object]]);
    const changed: TestRuntime = { ...runtime, surroundings: { ...runtime.surroundings, kinds } };
    const { body } = await ask(changed, sizeDuty(runtime.things, { a: 125 }));
    expect(JSON.stringify(body)).toContain('"outcome":"failed"');
    expect(holds(body) || holds(await stored(runtime)) || holds(runtime.tracker.issues)).toBe(false);
  });

  test('in what chat and tracker answer is in no delivery', async () => {
    const runtime = masking();
    runtime.chat.post = () => Promise.reject(leaking());
    runtime.tracker.create = () => Promise.reject(leaking());
    const { body } = await ask(runtime, sizeDuty(runtime.things, { a: 125, b: 0 }));
    runtime.clock.advance(3_600_000);
    await drainOutbox(runtime.surroundings);
    expect(JSON.stringify(body)).toContain('Proxy: post');
    expect(holds(body) || holds(await stored(runtime))).toBe(false);
  });

  test.each([
    ['a platform', leaking()],
    ['the caller', new CallerError(`no such thing: ${SECRET}`)],
    ['our own code', new TypeError(SECRET)],
  ])('in an error of %s is in no answer and no record', async (_name, error) => {
    const runtime = masking();
    const duty = { ...sizeDuty(runtime.things, {}), observe: () => Promise.reject(error) };
    const { status, body } = await ask(runtime, duty);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(holds(body) || holds(await stored(runtime))).toBe(false);
  });

  test('that the caller sends himself does not come back in the answer', async () => {
    const runtime = masking();
    const { body } = await ask(runtime, sizeDuty(runtime.things, {}), `${SECRET} is no JSON`);
    expect(holds(body)).toBe(false);
  });

  test('of the environment is known to what the shipped wiring masks with', async () => {
    const folder = path.resolve(import.meta.dirname, '../../fixtures/rebalance/challenge');
    const running = await openScenario(loadScenario(folder), { duty: 'rebalance' });
    try {
      const { mask, ports } = running.ready.surroundings;
      const { slackBotToken, jiraApiToken } = running.environment;
      expect(mask(`a ${slackBotToken ?? ''} b ${jiraApiToken ?? ''}, c`)).toBe('a *** b ***, c');
      for (const name of ['constructor', '__proto__', 'toString']) {
        expect(() => ports.cluster(name)).toThrow(CallerError);
        expect(() => ports.metrics(name)).toThrow(CallerError);
      }
    } finally {
      await running.close();
    }
  });
});

describe('the terminal', () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  test('is not moved, coloured or renamed by what a stranger wrote', () => {
    const written: string[] = [];
    vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => written.push(String(chunk)) > 0);
    vi.spyOn(process.stderr, 'write').mockImplementation((chunk) => written.push(String(chunk)) > 0);
    const terminal = processTerminal();
    const hostile = 'a\u001b[2Jb\u001b]0;title\u0007c\u009b31md\re\bf\ng\th';
    terminal.print(hostile);
    terminal.warn(hostile);
    expect(written).toHaveLength(2);
    for (const line of written) {
      expect(line).toBe('a[2Jb]0;titlec31mdef\ng\th\n');
    }
  });
});

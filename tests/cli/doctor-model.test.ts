// The doctor's checks of the language model, through the real adapter against the double of Ollama.
import { afterEach, describe, expect, it } from 'vitest';
import { scenarioClock } from '../../fixtures/platform/clock.ts';
import { type Fault, type RunningDouble, serve } from '../../fixtures/platform/kit.ts';
import { ollamaDouble, type OllamaDouble } from '../../fixtures/platform/ollama/ollama.ts';
import { ollamaModel } from '../../shared/adapters/ollama/model.ts';
import { ConfigurationError } from '../../shared/core/errors.ts';
import { OllamaSource } from '../../shared/core/policy-model.ts';
import { type Finding, runChecks } from '../../shared/local/cli/doctor-check.ts';
import { modelChecks } from '../../shared/local/cli/doctor-model.ts';

const clock = scenarioClock('2026-03-04T10:00:00Z');
const running: RunningDouble[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((double) => double.close()));
});

interface Setting {
  readonly installed?: readonly string[];
  readonly models?: { readonly summary: string; readonly analysis: string };
  readonly deadlineSeconds?: number;
  readonly faults?: readonly Fault[];
}

async function examine({
  installed = ['small:1b'],
  models = { summary: 'small:1b', analysis: 'small:1b' },
  deadlineSeconds = 60,
  faults = [],
}: Setting = {}): Promise<{ readonly findings: readonly Finding[]; readonly double: OllamaDouble }> {
  const double = ollamaDouble({
    clock,
    models: installed,
    replies: [{ text: 'Four pods were scanned, and two of them were changed.' }],
  });
  const served = await serve(double, { clock, faults, calls: [] });
  running.push(served);
  const model = ollamaModel({
    url: served.url,
    models,
    keepAlive: '5m',
    clock: { now: () => clock.now(), sleep: () => Promise.resolve() },
    random: () => 0,
    deadlineSeconds: 2,
  });
  const source = OllamaSource.parse({ models, deadlineSeconds });
  const findings = await runChecks([
    modelChecks({
      model: () => model,
      source,
      deadlineSeconds: 2,
      clock: { now: () => clock.now(), sleep: () => Promise.resolve() },
    }),
  ]);
  return { findings, double };
}

const brief = (findings: readonly Finding[]): readonly (readonly string[])[] =>
  findings.map(({ check, level }) => [check, level]);

describe('Ollama', () => {
  it('is well when it is there, has the models, and is fast enough', async () => {
    const { findings } = await examine();

    expect(brief(findings)).toEqual([
      ['server', 'ok'],
      ['speed of small:1b', 'ok'],
    ]);
    // The double takes 10 ms for a token, and 10 ms to load: 700 and 150 of them, and the loading.
    expect(findings[1]?.detail).toBe(
      'small:1b reads 100 and writes 100.0 tokens a second: the longest call takes about 9 s, within the deadline of 60 s',
    );
  });

  it('is measured by a text that it has not read before', async () => {
    const { double } = await examine();
    clock.advance(1000);
    const second = await examine();

    const begins = [double, second.double].map(({ asked }) => asked[0]?.messages[0]?.content.slice(0, 24));
    expect(begins[0]).not.toBe(begins[1]);
  });

  it('is a warning that names the ways out when the deadline cannot be met', async () => {
    const { findings } = await examine({ deadlineSeconds: 5 });

    expect(findings[1]).toMatchObject({ level: 'warning' });
    expect(findings[1]?.detail).toContain('longer than the deadline of 5 s');
    expect(findings[1]?.remedy).toMatch(/smaller model.*fewer threads.*deadlineSeconds/);
  });

  it('is measured once for each model', async () => {
    const { findings, double } = await examine({
      installed: ['small:1b', 'large:7b'],
      models: { summary: 'small:1b', analysis: 'large:7b' },
    });

    expect(brief(findings)).toEqual([
      ['server', 'ok'],
      ['speed of small:1b', 'ok'],
      ['speed of large:7b', 'ok'],
    ]);
    expect(double.asked.map(({ model }) => model).sort()).toEqual(['large:7b', 'small:1b']);
  });

  it('says how to fetch a model that is not there', async () => {
    const { findings } = await examine({ models: { summary: 'small:1b', analysis: 'absent:7b' } });

    expect(findings.filter(({ level }) => level === 'failure').map(({ remedy }) => remedy)).toContain(
      'Fetch it where Ollama runs: ollama pull absent:7b',
    );
  });

  it('is one failure when nobody answers', async () => {
    const { findings } = await examine({ faults: [{ system: 'ollama', operation: '*', kind: 'refuse' }] });

    expect(findings[0]).toMatchObject({ check: 'server', level: 'failure' });
    expect(findings.slice(1).every(({ level }) => level === 'skipped')).toBe(true);
  });

  it('is a failure that says what to do when it is overloaded or its address is not set', async () => {
    const busy = await examine({ faults: [{ system: 'ollama', operation: 'chat', kind: '500' }] });
    const unset = await runChecks([
      modelChecks({
        model: () => {
          throw new ConfigurationError('OLLAMA_URL is not set.', { remedy: 'Set OLLAMA_URL.' });
        },
        source: OllamaSource.parse({}),
        deadlineSeconds: 2,
        clock: { now: () => clock.now(), sleep: () => Promise.resolve() },
      }),
    ]);

    expect(busy.findings[1]).toMatchObject({ level: 'failure' });
    expect(busy.findings[1]?.detail).toContain('llama runner process has terminated');
    expect(unset[0]).toMatchObject({ level: 'failure', remedy: 'Set OLLAMA_URL.' });
  });
});

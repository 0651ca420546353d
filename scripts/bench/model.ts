// What a language model makes of our prompts over the scenarios: seconds, tokens a second, and how many of its texts the check lets
// stand. With OLLAMA_URL it asks the model that people would use; without, the real tier's Ollama with a model of random weights.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { ollamaModel } from '../../shared/adapters/ollama/model.ts';
import { systemClock, systemRandom } from '../../shared/adapters/system/clock.ts';
import { readEnvironment } from '../../shared/config/environment.ts';
import { OllamaSource } from '../../shared/core/policy-model.ts';
import type { Wording } from '../../shared/core/report.ts';
import { renderTable } from '../../shared/core/table.ts';
import { scenarioWordings } from '../../shared/local/scenario-wordings.ts';
import type { Model, ModelReply, ModelTask } from '../../shared/ports/model.ts';
import { askForWords } from '../../shared/prompt/ask.ts';
import { fillPrompt } from '../../shared/prompt/fill.ts';
import { parsePrompt, type Prompt } from '../../shared/prompt/prompt.ts';
import { existingBinary } from '../../tests/real/binaries.ts';
import { RANDOM_MODEL, startOllama } from '../../tests/real/ollama.ts';
import { median } from './measure.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
/** Of each duty, spread over all: two prompts each, and two attempts at most, are an hour at two minutes a call. */
const SCENARIOS = 15;
const EXAMPLES = 3;
const USAGE = '[--model=<name>] [--threads=<count>] [--scenarios=<count>] [--deadline=<seconds>]';

interface Called {
  readonly prompt: string;
  readonly scenario: string;
  readonly estimatedTokens: number;
  readonly replies: readonly ModelReply[];
  /** By our clock, all attempts together. */
  readonly seconds: number;
  readonly text: string | undefined;
  readonly why: string | undefined;
}

/** `npm run bench -- model`. */
export async function benchModel(): Promise<void> {
  const { ollamaUrl: url, ollamaToken: token } = readEnvironment();
  const threads = numberOf('threads');
  const source = OllamaSource.parse(threads === undefined ? {} : { threads });
  if (url !== undefined) {
    const name = flag('model');
    const models = name === undefined ? source.models : { summary: name, analysis: name };
    await measure({ ...source, url, models, token }, `The prompts over scenarios, asked of the Ollama at ${url}`);
    return;
  }
  if ((await existingBinary('ollama')) === undefined) {
    console.log(
      `\nThe model is not measured: OLLAMA_URL is not set, and there is no Ollama of the real tier (npm run test:real builds it).\nOLLAMA_URL=http://… npm run bench -- model ${USAGE}`,
    );
    return;
  }
  await using ollama = await startOllama();
  const models = { summary: RANDOM_MODEL, analysis: RANDOM_MODEL };
  await measure(
    { ...source, url: ollama.url, models, token: undefined },
    'The prompts over scenarios, asked of a model of random weights: OLLAMA_URL is not set. Its language is nonsense and far faster than any that means something: only that calls are timed, bound to the schema and refused is shown',
  );
}

type Source = Omit<OllamaSource, 'url'> & { readonly url: string; readonly token: string | undefined };

async function measure(
  { url, token, models, keepAlive, threads, deadlineSeconds }: Source,
  title: string,
): Promise<void> {
  const model = ollamaModel({
    url,
    models,
    keepAlive,
    threads,
    clock: systemClock,
    random: systemRandom,
    ...(token === undefined ? {} : { token }),
  });
  const { version, models: there } = await model.installed();
  const wanted = [...new Set(Object.values(models))];
  const missing = wanted.filter((name) => !there.includes(name) && !there.includes(`${name}:latest`));
  if (missing.length > 0) {
    throw new Error(`${url} has no ${missing.join(', ')}. It has: ${there.join(', ') || 'none'}. ${USAGE}`);
  }
  const deadline = numberOf('deadline') ?? deadlineSeconds;
  const called: Called[] = [];
  for (const { prompt, scenario, wording } of await questions()) {
    process.stderr.write(`asking for ${prompt.id} of ${scenario} …\n`);
    called.push(await ask(model, prompt, scenario, wording, deadline));
  }
  console.log(`\n${title}\n`);
  console.log(
    renderTable(
      [
        'prompt',
        'model',
        'texts',
        'let stand',
        'at once',
        'no reply',
        'load',
        'first token',
        'whole',
        'longest',
        'reads',
        'writes',
      ],
      [...Map.groupBy(called, ({ prompt }) => prompt)].map(([prompt, calls]) => row(prompt, model, calls)),
    ),
  );
  console.log(
    `\nOllama ${version}${threads === undefined ? '' : `, ${String(threads)} threads`}; a deadline of ${String(deadline)} s for each call. Load is that of the first call, and first token is load and reading of each, as the server counted; whole is a call with its second attempt by our clock; medians but for the longest. Reads and writes are tokens a second.`,
  );
  const off = called.flatMap(({ replies, estimatedTokens }) =>
    replies.slice(0, 1).flatMap(({ promptTokens }) => (promptTokens === null ? [] : [promptTokens / estimatedTokens])),
  );
  if (off.length > 0) {
    console.log(
      `A prompt takes ${median(off).toFixed(2)} of the tokens that we estimate, at most ${Math.max(...off).toFixed(2)}.`,
    );
  }
  printReasons(called);
}

function row(prompt: string, model: Model, calls: readonly Called[]): string[] {
  const replies = calls.flatMap((one) => one.replies);
  const stood = calls.filter(({ text }) => text !== undefined);
  const seconds = (values: readonly (number | null)[]): string => {
    const known = values.filter((value) => value !== null);
    return known.length === 0 ? '–' : `${median(known).toFixed(2)} s`;
  };
  const speed = (tokens: (reply: ModelReply) => number | null, time: (reply: ModelReply) => number | null): string => {
    const rates = replies.flatMap((reply) => {
      const [count, taken] = [tokens(reply), time(reply)];
      return count === null || taken === null || count === 0 || taken === 0 ? [] : [count / taken];
    });
    return rates.length === 0 ? '–' : `${median(rates).toFixed(1)}/s`;
  };
  return [
    prompt,
    model.nameFor(taskOf(prompt)),
    String(calls.length),
    `${String(stood.length)} of ${String(calls.length)}`,
    String(stood.filter((one) => one.replies.length === 1).length),
    String(calls.filter((one) => one.replies.length === 0).length),
    seconds(replies.slice(0, 1).map(({ loadSeconds }) => loadSeconds)),
    seconds(
      replies.map(({ loadSeconds, promptSeconds }) =>
        promptSeconds === null ? null : (loadSeconds ?? 0) + promptSeconds,
      ),
    ),
    seconds(calls.map((one) => one.seconds)),
    `${Math.max(...calls.map((one) => one.seconds)).toFixed(2)} s`,
    speed(
      (reply) => reply.promptTokens,
      (reply) => reply.promptSeconds,
    ),
    speed(
      (reply) => reply.replyTokens,
      (reply) => reply.replySeconds,
    ),
  ];
}

function taskOf(prompt: string): ModelTask {
  return prompt.endsWith('/analysis') ? 'analysis' : 'summary';
}

function printReasons(called: readonly Called[]): void {
  const reasons = Map.groupBy(
    called.flatMap(({ why }) => (why === undefined ? [] : [why])),
    // Which word or number it was is another matter each time.
    (why) => why.replaceAll(/"[^"]*"/g, '…').replaceAll(/[0-9]+/g, 'n'),
  );
  const lines = [...reasons].map(([reason, all]) => [String(all.length), reason] as const);
  if (lines.length > 0) {
    console.log(
      `\nWhy texts were refused\n\n${renderTable(
        ['texts', 'why'],
        lines.toSorted((a, b) => Number(b[0]) - Number(a[0])),
      )}`,
    );
  }
  for (const { prompt, scenario, text } of called.filter((one) => one.text !== undefined).slice(0, EXAMPLES)) {
    console.log(`\n${prompt} of ${scenario}: ${text ?? ''}`);
  }
}

async function ask(
  model: Model,
  prompt: Prompt,
  scenario: string,
  wording: Wording,
  deadlineSeconds: number,
): Promise<Called> {
  const evidence = wording.evidence();
  const filled = fillPrompt(prompt, evidence);
  const begun = performance.now();
  const asked = await askForWords({ model, prompt, filled, evidence, secondsLeft: () => deadlineSeconds });
  return {
    prompt: prompt.id,
    scenario,
    estimatedTokens: filled.tokens,
    replies: asked.replies,
    seconds: (performance.now() - begun) / 1000,
    text: 'text' in asked ? asked.text : undefined,
    why: 'why' in asked ? asked.why : undefined,
  };
}

interface Question {
  readonly prompt: Prompt;
  readonly scenario: string;
  readonly wording: Wording;
}

/** Of every duty that has prompts: its scenarios in which something happens, spread evenly, a prompt at a time. */
async function questions(): Promise<readonly Question[]> {
  const most = numberOf('scenarios') ?? SCENARIOS;
  const found: Question[] = [];
  for (const duty of readdirSync(path.join(ROOT, 'prompts'))) {
    const folder = path.join(ROOT, 'fixtures', duty);
    const all = readdirSync(folder).filter((name) => existsSync(path.join(folder, name, 'case.yaml')));
    const telling: Question[][] = [];
    for (const name of all) {
      const wordings = await scenarioWordings(duty, path.join(folder, name));
      if (wordings.length > 0) {
        telling.push(wordings.map((wording) => ({ prompt: promptOf(duty, wording), scenario: name, wording })));
      }
    }
    const count = Math.min(most, telling.length);
    const chosen = Array.from(
      { length: count },
      (_, index) => telling[Math.floor((index * telling.length) / count)] ?? [],
    );
    found.push(...chosen.flat());
  }
  return found.toSorted((a, b) => (a.prompt.id < b.prompt.id ? 1 : a.prompt.id > b.prompt.id ? -1 : 0));
}

function promptOf(duty: string, { prompt }: Wording): Prompt {
  const file = path.join(ROOT, 'prompts', duty, `${prompt}.md`);
  return parsePrompt(readFileSync(file, 'utf8'), path.relative(ROOT, file));
}

function flag(name: string): string | undefined {
  const start = `--${name}=`;
  return process.argv.find((argument) => argument.startsWith(start))?.slice(start.length);
}

function numberOf(name: string): number | undefined {
  const value = flag(name);
  if (value !== undefined && !/^[1-9][0-9]{0,4}$/.test(value)) {
    throw new Error(`--${name}=${value} is no number. ${USAGE}`);
  }
  return value === undefined ? undefined : Number(value);
}

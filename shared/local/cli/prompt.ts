// `nightshift prompt test <file> --scenario <folder>`: what a prompt becomes over a scenario, how long it is, and what a model says.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Command } from 'commander';
import { ollamaModel } from '../../adapters/ollama/model.ts';
import { systemClock, systemRandom } from '../../adapters/system/clock.ts';
import { readEnvironment } from '../../config/environment.ts';
import { CallerError } from '../../core/errors.ts';
import { OllamaSource } from '../../core/policy-model.ts';
import type { Evidence } from '../../core/wording/evidence.ts';
import { askForWords } from '../../prompt/ask.ts';
import { fillPrompt, type FilledPrompt, MOST_PROMPT_TOKENS } from '../../prompt/fill.ts';
import { parsePrompt, type Prompt } from '../../prompt/prompt.ts';
import { scenarioWordings } from '../scenario-wordings.ts';
import type { Terminal } from './terminal.ts';

export function registerPrompt(program: Command, terminal: Terminal): void {
  const prompt = program.command('prompt').description('Work on the prompts of the language model');
  prompt
    .command('test')
    .description('Show a prompt filled over a scenario, its tokens, and the reply of the model that OLLAMA_URL names')
    .argument('<file>', 'prompt, such as prompts/rebalance/summary.md')
    .requiredOption('--scenario <folder>', 'scenario, such as fixtures/rebalance/challenge')
    .option('--model <name>', 'model to ask, in place of the default of its tier')
    .option('--threads <count>', 'threads that the server computes with', Number)
    .action(async (file: string, flags: Flags) => {
      await testPrompt(terminal, file, flags);
    });
}

interface Flags {
  readonly scenario: string;
  readonly model?: string;
  readonly threads?: number;
}

async function testPrompt(terminal: Terminal, file: string, flags: Flags): Promise<void> {
  const prompt = parsePrompt(await textOf(file), file);
  const [duty = '', name = ''] = prompt.id.split('/');
  const wording = (await scenarioWordings(duty, path.resolve(flags.scenario))).find((one) => one.prompt === name);
  if (wording === undefined) {
    throw new CallerError(`Nothing of that scenario is worded by ${prompt.id}.`, {
      field: '--scenario',
      remedy: 'Take one in which something is changed or escalated, such as fixtures/rebalance/challenge.',
    });
  }
  const evidence = wording.evidence();
  const filled = fillPrompt(prompt, evidence);
  for (const { role, content } of filled.messages) {
    terminal.print(`── ${role}\n${content}\n`);
  }
  const left = filled.leftOut === 0 ? '' : `; ${String(filled.leftOut)} lines of evidence left out`;
  terminal.print(
    `${prompt.id} version ${String(prompt.version)}: about ${String(filled.tokens)} of at most ${String(MOST_PROMPT_TOKENS)} tokens${left}`,
  );
  await showReply(terminal, prompt, filled, evidence, flags);
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new CallerError(`The prompt ${file} cannot be read.`, {
      field: 'file',
      remedy: 'Name a file under prompts/.',
      cause: error,
    });
  }
}

async function showReply(
  terminal: Terminal,
  prompt: Prompt,
  filled: FilledPrompt,
  evidence: Evidence,
  { model: name, threads }: Flags,
): Promise<void> {
  const { ollamaUrl, ollamaToken } = readEnvironment();
  if (ollamaUrl === undefined) {
    terminal.print('No model is configured: set OLLAMA_URL to see what one makes of it.');
    return;
  }
  const { models, keepAlive, deadlineSeconds } = OllamaSource.parse({});
  const model = ollamaModel({
    url: ollamaUrl,
    models: name === undefined ? models : { summary: name, analysis: name },
    keepAlive,
    threads,
    clock: systemClock,
    random: systemRandom,
    ...(ollamaToken === undefined ? {} : { token: ollamaToken }),
  });
  terminal.progress(`asking ${model.nameFor(prompt.tier)}`);
  const asked = await askForWords({ model, prompt, filled, evidence, secondsLeft: () => deadlineSeconds });
  terminal.progressDone();
  for (const reply of asked.replies) {
    const seconds = (reply.loadSeconds ?? 0) + (reply.promptSeconds ?? 0) + (reply.replySeconds ?? 0);
    terminal.print(`── ${reply.model}, ${seconds.toFixed(1)} s\n${reply.text}\n`);
  }
  terminal.print('text' in asked ? 'The check lets it stand.' : `The template would stand: ${asked.why}`);
  terminal.exitCode = 'text' in asked ? 0 : 1;
}

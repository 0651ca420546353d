// What the doctor asks of the language model: is the server there, does it have the models that policy names, and is it fast enough.
import type { OllamaSource } from '../../core/policy-model.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Model, ModelTask } from '../../ports/model.ts';
import { failure, ok, type Result, type SystemChecks, warning } from './doctor-check.ts';

export interface ModelToCheck {
  /** Fails where it cannot even be set up, such as without an address. */
  readonly model: () => Model;
  readonly source: OllamaSource;
  readonly deadlineSeconds: number;
  readonly clock: Clock;
}

const TASKS: readonly ModelTask[] = ['summary', 'analysis'];
/** What the longest of our calls takes: prompts/ and docs/model.md. */
const PROMPT_TOKENS = 700;
const REPLY_TOKENS = 150;
const PROBE = 'Four pods were scanned, two were changed, one needs a person, and one was left alone. '.repeat(4);

export function modelChecks(input: ModelToCheck): SystemChecks {
  const { model, source } = input;
  const tasks = new Map(TASKS.toReversed().map((task) => [source.models[task], task]));
  const names = [...tasks.keys()].toReversed();
  return {
    system: 'Ollama',
    first: {
      name: 'server',
      async run() {
        const { version, models } = await model().installed();
        const missing = names.filter((name) => !models.some((one) => one === name || one === `${name}:latest`));
        return [
          ok(`version ${version}`),
          ...missing.map((name) =>
            failure(`the model ${name} is not there`, `Fetch it where Ollama runs: ollama pull ${name}`),
          ),
        ];
      },
    },
    others: names.map((name) => ({ name: `speed of ${name}`, run: () => speed(input, tasks.get(name) ?? 'summary') })),
  };
}

async function speed(
  { model, source, deadlineSeconds, clock }: ModelToCheck,
  task: ModelTask,
): Promise<readonly Result[]> {
  const reply = await model().ask({
    task,
    // What it has read before it does not read again: a probe that begins as an earlier one would tell of its cache.
    messages: [{ role: 'user', content: `${clock.now().toISOString()} ${PROBE}Say it again in one sentence.` }],
    schema: { type: 'object', properties: { text: { type: 'string', maxLength: 120 } }, required: ['text'] },
    promptTokens: 120,
    replyTokens: 60,
    deadlineSeconds,
  });
  const { promptTokens, promptSeconds, replyTokens, replySeconds, loadSeconds } = reply;
  if (!promptTokens || !promptSeconds || !replyTokens || !replySeconds) {
    return [warning('the server told no timings', 'Update Ollama: how long a call takes is not known.')];
  }
  const [read, written] = [promptTokens / promptSeconds, replyTokens / replySeconds];
  const seconds = (loadSeconds ?? 0) + PROMPT_TOKENS / read + REPLY_TOKENS / written;
  const said = `${reply.model} reads ${read.toFixed(0)} and writes ${written.toFixed(1)} tokens a second: the longest call takes about ${seconds.toFixed(0)} s`;
  return [
    seconds <= source.deadlineSeconds
      ? ok(`${said}, within the deadline of ${String(source.deadlineSeconds)} s`)
      : warning(
          `${said}, longer than the deadline of ${String(source.deadlineSeconds)} s: messages keep the template's words`,
          'Name a smaller model under model.ollama.models, give Ollama more cores or, where it shares them, fewer threads, or raise deadlineSeconds.',
        ),
  ];
}

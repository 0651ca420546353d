// What the doctor asks of the language model: is the server there, does it have the models that policy names, and is it fast enough.
import type { OllamaSource } from '../../core/policy-model.ts';
import type { Model } from '../../ports/model.ts';
import { failure, ok, type Result, type SystemChecks, warning } from './doctor-check.ts';

export interface ModelToCheck {
  /** Fails where it cannot even be set up, such as without an address. */
  readonly model: () => Model;
  readonly source: OllamaSource;
  readonly deadlineSeconds: number;
}

/** What the longest of our calls takes: prompts/ and docs/model.md. */
const PROMPT_TOKENS = 700;
const REPLY_TOKENS = 150;
const PROBE = 'Four pods were scanned, two were changed, one needs a person, and one was left alone. '.repeat(4);

export function modelChecks({ model, source, deadlineSeconds }: ModelToCheck): SystemChecks {
  const names = [...new Set(Object.values(source.models))];
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
    others: [{ name: 'speed', run: () => speed(model(), source, deadlineSeconds) }],
  };
}

async function speed(model: Model, source: OllamaSource, deadlineSeconds: number): Promise<readonly Result[]> {
  const reply = await model.ask({
    task: 'summary',
    messages: [{ role: 'user', content: `${PROBE}Say it again in one sentence.` }],
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
          'Name a smaller model under model.ollama.models, give Ollama more cores, or raise deadlineSeconds.',
        ),
  ];
}

// The policy's part about the language model: where it is, which model words what, and how long it may take.
import { z } from 'zod';
import { Duration } from './duration.ts';

const ModelName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._/-]*(:[A-Za-z0-9._-]+)?$/, 'the name of a model such as qwen2.5:1.5b');
/** Whether it is fast enough where it runs is for the doctor to say: that depends on the cores far more than on the model. */
const SMALL_MODEL = 'qwen2.5:1.5b';

export const OllamaSource = z.strictObject({
  url: z
    .url()
    .optional()
    .describe('Address of the server; OLLAMA_URL when absent')
    .meta({ examples: ['http://ollama.models.svc:11434'] }),
  models: z
    .strictObject({
      summary: ModelName.default(SMALL_MODEL).describe('Words the two or three sentences of a message'),
      analysis: ModelName.default(SMALL_MODEL).describe(
        'Says in the thread of a message what the measurements behind it show',
      ),
    })
    .prefault({})
    .describe(
      'A small one by default; `nightshift doctor` measures whether it meets the deadline. The check on its words does not trust a larger one more',
    ),
  deadlineSeconds: z
    .int()
    .min(1)
    .max(600)
    .default(60)
    .describe('Longest time of one call, loading the model included. People read the message by then'),
  budgetSeconds: z
    .int()
    .min(1)
    .max(1800)
    .default(90)
    .describe('Longest time of all calls of one run. One call and one more attempt at what is left'),
  threads: z
    .int()
    .min(1)
    .max(256)
    .optional()
    .describe(
      'Threads that the server computes with; its own count when absent, which is that of the cores it sees. Where it shares them or has fewer by a limit, threads wait for each other, and it writes many times slower',
    )
    .meta({ examples: [2] }),
  keepAlive: Duration.default('30m').describe(
    'How long the server keeps the model in memory after a call: longer than the pause between two runs of 15 minutes',
  ),
});
export type OllamaSource = z.infer<typeof OllamaSource>;

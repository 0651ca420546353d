// An instance as a process of its own. Its time is its parent's, and at each step it waits until its parent lets it go on: a parent
// that does not may kill it there (SIGKILL), and nothing in it can know.
import type { Clock } from '../../../shared/ports/clock.ts';
import { type InstanceOptions, type Job, openInstance } from './instance.ts';

/** What the parent hands over, as JSON in the first argument. */
export interface ChildTask extends Pick<InstanceOptions, 'variables' | 'name' | 'judged'> {
  readonly job: Job;
  readonly now: string;
}

export type Asked =
  | { readonly ask: number; readonly step: string }
  | { readonly ask: number; readonly sleepMilliseconds: number }
  | { readonly ask: number; readonly result: string };

export interface Answered {
  readonly ask: number;
  readonly now: string;
}

const task = JSON.parse(process.argv[2] ?? '{}') as ChildTask;
let now = task.now;
let asks = 0;
const waiting = new Map<number, () => void>();

process.on('message', (answer: Answered) => {
  now = answer.now;
  waiting.get(answer.ask)?.();
  waiting.delete(answer.ask);
});

function ask(question: { step: string } | { sleepMilliseconds: number } | { result: string }): Promise<void> {
  asks += 1;
  const number = asks;
  return new Promise((resolve) => {
    waiting.set(number, resolve);
    process.send?.({ ask: number, ...question });
  });
}

const clock: Clock = {
  now: () => new Date(now),
  sleep: (milliseconds) => ask({ sleepMilliseconds: milliseconds }),
};
const instance = await openInstance({
  variables: task.variables,
  name: task.name,
  ...(task.judged === undefined ? {} : { judged: task.judged }),
  clock,
  onStep: (step) => ask({ step }),
});
const result = await instance.perform(task.job);
await instance.close();
await ask({ result });
process.disconnect();

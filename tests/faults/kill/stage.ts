// One scenario's platform on a stage: every call of every system and every step of an instance is seen, before and after, and one
// of them can be struck. It knows no duty and no action kind.
import { type ChildProcess, fork } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Double } from '../../../fixtures/platform/kit.ts';
import type { Scenario } from '../../../fixtures/platform/scenario.ts';
import { follower } from '../../../shared/local/follow-clock.ts';
import { openScenario, type RunningScenario, scenarioClock } from '../../../shared/local/scenario.ts';
import type { Clock } from '../../../shared/ports/clock.ts';
import type { Answered, Asked, ChildTask } from './child.ts';
import { type Instance, type InstanceOptions, openInstance } from './instance.ts';

/** A place where something can be struck: the n-th time that a step is reached, or a call arrives or was handled. */
export interface Point {
  readonly name: string;
  readonly occurrence: number;
  readonly when: 'at' | 'before' | 'after';
}

/** Tells what became of whoever came to the point. */
export type Strike = () => Promise<'killed' | 'goes on'>;

export interface Stage {
  readonly running: RunningScenario;
  readonly file: string;
  /** Every step and call, in order. */
  readonly trace: readonly string[];
  /** Counts anew from here on, and strikes once at the point, if one is given. Gives whether it was struck. */
  watch(point?: Point, strike?: Strike): () => boolean;
  /** An instance in this process, whose clock is off by `skewMilliseconds`. */
  instance(options: Pick<InstanceOptions, 'name' | 'judged'>, skewMilliseconds?: number): Promise<Instance>;
  /** An instance in a process of its own, which does one job. */
  child(task: Pick<ChildTask, 'name' | 'judged' | 'job'>): Child;
  /** Moves the clock; metrics go on meanwhile, a sample a minute. */
  pass(milliseconds: number): void;
  close(): Promise<void>;
}

export interface Child {
  /** What came of the job; undefined when the process ended before. */
  readonly result: Promise<string | undefined>;
  /** SIGKILL; resolves once the process is gone. */
  kill(): Promise<void>;
}

const SCRAPE_MILLISECONDS = 60_000;
const COMPILED = path.join(tmpdir(), 'nightshift-compiled');

export async function openStage(scenario: Scenario, duty: string): Promise<Stage> {
  const folder = await mkdtemp(path.join(tmpdir(), 'nightshift-kill-'));
  const file = path.join(folder, 'state.sqlite');
  const trace: string[] = [];
  const counts = new Map<string, number>();
  let armed: { point: Point; strike: Strike; struck: boolean } | undefined;

  function count(name: string): number {
    trace.push(name);
    const occurrence = (counts.get(name) ?? 0) + 1;
    counts.set(name, occurrence);
    return occurrence;
  }

  /** Strikes, when this is the point; gives whether somebody is still there. */
  async function reach(name: string, occurrence: number, when: Point['when']): Promise<'killed' | 'goes on'> {
    const { point } = armed ?? {};
    if (armed?.struck !== false || point?.name !== name || point.occurrence !== occurrence || point.when !== when) {
      return 'goes on';
    }
    armed.struck = true;
    return armed.strike();
  }

  const running = await openScenario(scenario, { duty, storePath: file, serving: { inPlaceOf: watched } });
  const clock = scenarioClock(running.platform);
  const follow = follower(running);

  function watched(double: Double): Double {
    return {
      system: double.system,
      operationOf: (request) => double.operationOf(request),
      expiredToken: (request) => double.expiredToken(request),
      tooManyRequests: (seconds) => double.tooManyRequests(seconds),
      serverError: () => double.serverError(),
      async handle(request) {
        const name = `${double.system} ${double.operationOf(request)}`;
        const occurrence = count(name);
        if ((await reach(name, occurrence, 'before')) === 'killed') {
          // Nobody is there any more to read it.
          return double.serverError();
        }
        const reply = await double.handle(request);
        await reach(name, occurrence, 'after');
        return reply;
      },
    };
  }

  async function stepReached(step: string): Promise<void> {
    await reach(step, count(step), 'at');
  }

  return {
    running,
    file,
    trace,
    watch(point, strike) {
      counts.clear();
      const now = point === undefined || strike === undefined ? undefined : { point, strike, struck: false };
      armed = now;
      return () => now?.struck === true;
    },
    instance: ({ name, judged }, skewMilliseconds = 0) =>
      openInstance({
        variables: running.variables,
        name,
        ...(judged === undefined ? {} : { judged }),
        clock: skewed(clock, skewMilliseconds),
        onStep: stepReached,
      }),
    child: (task) =>
      startChild({ ...task, variables: running.variables, now: clock.now().toISOString() }, clock, stepReached),
    pass(milliseconds) {
      const until = clock.now().getTime() + milliseconds;
      for (let at = clock.now().getTime() + SCRAPE_MILLISECONDS; at <= until; at += SCRAPE_MILLISECONDS) {
        follow(new Date(at));
      }
      running.platform.clock.set(new Date(until).toISOString());
    },
    async close() {
      await running.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function skewed(clock: Clock, milliseconds: number): Clock {
  return {
    now: () => new Date(clock.now().getTime() + milliseconds),
    sleep: (wait, signal) => clock.sleep(wait, signal),
  };
}

function startChild(task: ChildTask, clock: Clock, stepReached: (step: string) => Promise<void>): Child {
  const process_ = fork(path.join(import.meta.dirname, 'child.ts'), [JSON.stringify(task)], {
    env: { PATH: process.env['PATH'] ?? '', NODE_NO_WARNINGS: '1', NODE_COMPILE_CACHE: COMPILED },
    execArgv: [],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let stderr = '';
  process_.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  let result: string | undefined;
  let isKilled = false;
  process_.on('message', (asked: Asked) => {
    void answerChild(asked);
  });

  async function answerChild(asked: Asked): Promise<void> {
    if ('step' in asked) {
      await stepReached(asked.step);
    } else if ('sleepMilliseconds' in asked) {
      await clock.sleep(asked.sleepMilliseconds);
    } else {
      result = asked.result;
    }
    if (process_.connected && !isKilled) {
      const answer: Answered = { ask: asked.ask, now: clock.now().toISOString() };
      process_.send(answer, () => undefined);
    }
  }

  const ended = endOf(process_);
  return {
    result: ended.then(() => {
      if (result === undefined && !isKilled) {
        throw new Error(`The child process ended by itself:\n${stderr}`);
      }
      return result;
    }),
    async kill() {
      isKilled = true;
      process_.kill('SIGKILL');
      await ended;
    },
  };
}

function endOf(process_: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    process_.once('close', () => {
      resolve();
    });
    process_.once('error', reject);
  });
}

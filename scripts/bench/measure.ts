// Measures work in fresh processes: bundles what is measured as it is deployed, runs the works in turns, and gives medians.
import { fork } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PROCESS_VARIABLES, writeParts } from '../../shared/local/build.ts';
import type { Answer, Measured, Task, Work } from './subject.ts';
import { answerOf, type Target } from './target.ts';

export interface Bench {
  /** Stores the compiled code of one such run, as the build does for what is deployed: all later processes start with it. */
  compile(target: Target, work: Work): Promise<void>;
  /** One process that does the work `times` times. */
  once(target: Target, work: Work, times?: number): Promise<Measured>;
  /** Each work in a fresh process, all of them in turns: what slows this machine down for a while slows all of them down. */
  inTurns<Name extends string>(
    target: Target,
    rounds: number,
    works: Readonly<Record<Name, Work>>,
    times?: number,
  ): Promise<Readonly<Record<Name, readonly Measured[]>>>;
  close(): Promise<void>;
}

/** `memoryMib` is what the duty's function.yaml asks for: the processes get the heap that Node takes in such a container. */
export async function openBench(memoryMib: number): Promise<Bench> {
  const folder = await mkdtemp(path.join(tmpdir(), 'nightshift-bench-'));
  // From source, the compiler that strips the types would be a third of the memory.
  await writeParts(folder, 'subject', [`import './scripts/bench/subject.ts';`]);
  let stores = 0;

  const entry = path.join(folder, 'index.cjs');

  async function once(target: Target, work: Work, times = 1, file = entry): Promise<Measured> {
    stores += 1;
    const child = fork(file, [folder], {
      execArgv: heapFlags(memoryMib),
      // Nothing of the caller's settings: the target's alone, and a store that no other run has used.
      env: {
        ...target.variables,
        ...PROCESS_VARIABLES,
        NIGHTSHIFT_STORE: `sqlite:${path.join(folder, `store-${String(stores)}.sqlite`)}`,
      },
    });
    const { kubernetesUrl, kubernetesToken, metricsUrl, scopes, now } = target;
    const task: Task = { place: { kubernetesUrl, kubernetesToken, metricsUrl, scopes, now }, work, times };
    child.send(task);
    const answer = (await answerOf(child)) as Answer;
    if ('failed' in answer) {
      throw new Error(`The measured process failed on "${work.kind}": ${answer.failed}`);
    }
    if (work.kind === 'run' && !work.dryRun) {
      await target.putBack?.();
    }
    return answer;
  }

  return {
    async compile(target, work) {
      await once(target, work, 1, path.join(import.meta.dirname, 'compiling-subject.ts'));
    },
    once: (target, work, times) => once(target, work, times),
    async inTurns(target, rounds, works, times) {
      const names = Object.keys(works) as (keyof typeof works)[];
      const measured = Object.fromEntries(names.map((name) => [name, [] as Measured[]])) as Record<
        keyof typeof works,
        Measured[]
      >;
      for (let round = 0; round < rounds; round += 1) {
        for (const name of names) {
          measured[name].push(await once(target, works[name], times));
        }
      }
      return measured;
    },
    close: () => rm(folder, { recursive: true, force: true }),
  };
}

/** V8 takes half of the memory of such a container for old objects. */
function heapFlags(memoryMib: number): string[] {
  return [`--max-old-space-size=${String(Math.floor(memoryMib / 2))}`];
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? Number.NaN) + (sorted[Math.floor(middle)] ?? Number.NaN)) / 2;
}

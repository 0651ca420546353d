// From a scene to the cases of the proof: every step, every commit and every call of its job is a place where a process can die, a reply can
// be lost, or another instance can come in between. The places are those that a play without a strike shows.
import { createHash } from 'node:crypto';
import { INGRESS_STEPS, STEPS } from '../../../shared/runtime/context.ts';
import { COMMIT_STEPS } from './instance.ts';
import { goOn, LEASE_MILLISECONDS, type Play, prepare } from './play.ts';
import type { Scene } from './scenes.ts';
import type { Point } from './stage.ts';
import { changingCalls, type End, endOf, judge, type Verdict } from './verdict.ts';

/** A scene played through, with nothing struck. */
export interface Usual {
  readonly scene: Scene;
  /** Steps and calls of the job alone. */
  readonly trace: readonly string[];
  readonly changing: ReadonlySet<string>;
  readonly end: End;
}

export interface FaultCase {
  readonly name: string;
  readonly usual: Usual;
  readonly play: () => Promise<Verdict>;
}

export async function playUsual(scene: Scene): Promise<Usual> {
  await using play = await prepare(scene);
  const { stage } = play;
  const before = stage.trace.length;
  stage.watch();
  const instance = await stage.instance({ name: 'only', judged: scene.judged });
  await instance.perform(play.job);
  await instance.close();
  const trace = stage.trace.slice(before);
  await goOn(play);
  const changing = changingCalls(stage.trace);
  return { scene, trace, changing, end: await endOf(stage, changing) };
}

const HOURS = 3_600_000;
/** How far the clock of the next instance is off. */
const JUMPS: Readonly<Record<string, number>> = { '2 h ahead': 2 * HOURS, '2 h behind': -2 * HOURS };

export function casesOf(usual: Usual): readonly FaultCase[] {
  const { scene } = usual;
  const points = pointsOf(usual);
  const steps = points.filter(({ name }) => RUNTIME_STEPS.includes(name));
  const calls = points.filter(({ when }) => when === 'before');
  const make = (name: string, play: () => Promise<Verdict>): FaultCase => ({
    name: `${scene.name}: ${name}`,
    usual,
    play,
  });
  return [
    ...points.map((point) => make(`killed ${shown(point)}`, () => killed(usual, point))),
    ...steps.flatMap((point) =>
      Object.entries(JUMPS).map(([jump, skew]) =>
        make(`killed ${shown(point)}, the next clock ${jump}`, () => killed(usual, point, skew)),
      ),
    ),
    ...calls.map((point) =>
      make(`reply lost of ${point.name} #${String(point.occurrence)}`, () => replyLost(usual, point)),
    ),
    ...[...steps, ...calls.filter(({ name }) => usual.changing.has(name))].flatMap((point) =>
      [0, LEASE_MILLISECONDS].map((asleep) =>
        make(`another instance ${shown(point)}, after ${String(asleep / 1000)} s`, () =>
          overtaken(usual, point, asleep),
        ),
      ),
    ),
    make('two processes at once', () => together(usual)),
  ];
}

function shown({ name, occurrence, when }: Point): string {
  return `${when} ${name} #${String(occurrence)}`;
}

/** Between two of these a process that only reads leaves the same behind wherever it dies. */
const RUNTIME_STEPS: readonly string[] = [...STEPS, ...INGRESS_STEPS];
const BOUNDARIES: ReadonlySet<string> = new Set([...RUNTIME_STEPS, ...COMMIT_STEPS]);
/** Systems whose calls may write under any name. */
const WRITTEN = /^(slack|jira) /;

/**
 * Each step and each commit as it is reached; each call when it arrives, and when it was handled and nobody knows. Of equal reads
 * in a row the first.
 */
function pointsOf({ trace, changing }: Pick<Usual, 'trace' | 'changing'>): readonly Point[] {
  const counts = new Map<string, number>();
  const read = new Set<string>();
  return trace.flatMap((name): readonly Point[] => {
    const occurrence = (counts.get(name) ?? 0) + 1;
    counts.set(name, occurrence);
    if (BOUNDARIES.has(name)) {
      read.clear();
      return [{ name, occurrence, when: 'at' }];
    }
    if (read.has(name) && !changing.has(name) && !WRITTEN.test(name)) {
      return [];
    }
    read.add(name);
    return (['before', 'after'] as const).map((when) => ({ name, occurrence, when }));
  });
}

async function killed(usual: Usual, point: Point, skewMilliseconds = 0): Promise<Verdict> {
  await using play = await prepare(usual.scene);
  const { stage, job } = play;
  const isStruck = stage.watch(point, async () => {
    await child.kill();
    return 'killed';
  });
  const child = stage.child({ name: 'struck', job, judged: usual.scene.judged });
  const result = await child.result;
  if (!isStruck() || result !== undefined) {
    throw new Error(`The child was to be killed ${shown(point)}, and never came there: ${String(result)}`);
  }
  return await ended(play, usual, skewMilliseconds);
}

async function replyLost(usual: Usual, point: Point): Promise<Verdict> {
  await using play = await prepare(usual.scene);
  const { platform } = play.stage.running;
  const [, system = '', operation = ''] = /^(\S+) (.*)$/.exec(point.name) ?? [];
  platform.inject({ system, operation, call: point.occurrence, kind: 'lost-reply' });
  const instance = await play.stage.instance({ name: 'struck', judged: usual.scene.judged });
  await instance.perform(play.job);
  await instance.close();
  platform.clearFaults();
  return await ended(play, usual);
}

/** An instance is held up at a step, or a change of its own on the way, while another one does the same job, and wakes up afterwards. */
async function overtaken(usual: Usual, point: Point, asleepMilliseconds: number): Promise<Verdict> {
  await using play = await prepare(usual.scene);
  const { stage, job } = play;
  const judged = usual.scene.judged;
  const isStruck = stage.watch(point, async () => {
    stage.pass(asleepMilliseconds);
    const other = await stage.instance({ name: 'other', judged });
    await other.perform(job);
    await other.perform({ do: 'drive', driver: 'settle' });
    await other.close();
    return 'goes on';
  });
  const slow = await stage.instance({ name: 'slow', judged });
  await slow.perform(job);
  await slow.close();
  if (!isStruck()) {
    throw new Error(`The instance never came to stop ${shown(point)}.`);
  }
  return await ended(play, usual);
}

async function together(usual: Usual): Promise<Verdict> {
  await using play = await prepare(usual.scene);
  const { stage, job } = play;
  stage.watch();
  const judged = usual.scene.judged;
  await Promise.all(['one', 'two'].map((name) => stage.child({ name, job, judged }).result));
  return await ended(play, usual);
}

async function ended(play: Play, usual: Usual, skewMilliseconds = 0): Promise<Verdict> {
  play.stage.watch();
  await goOn(play, skewMilliseconds);
  return judge(await endOf(play.stage, usual.changing), usual.end, skewMilliseconds === 0);
}

/** Always the same ones for a seed, spread over all scenes. */
export function sampleOf(cases: readonly FaultCase[], count: number, seed: number): readonly FaultCase[] {
  const key = ({ name }: FaultCase): string =>
    createHash('sha256')
      .update(`${String(seed)} ${name}`)
      .digest('hex');
  return cases
    .map((one) => ({ one, order: key(one) }))
    .sort((a, b) => a.order.localeCompare(b.order))
    .slice(0, count)
    .map(({ one }) => one);
}

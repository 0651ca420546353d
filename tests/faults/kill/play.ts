// Plays a scene: what comes before, the job that is struck, and what follows until nothing is due any more.
import type { ActionRecord } from '../../../shared/core/action.ts';
import type { Store } from '../../../shared/ports/store.ts';
import type { OutboxEntry } from '../../../shared/runtime/outbox-entry.ts';
import type { Instance, Job } from './instance.ts';
import { jobOf, type Scene, scenarioOf } from './scenes.ts';
import { openStage, type Stage } from './stage.ts';

/** Longer than the lease of a run, of an approval and of an undo. */
export const LEASE_MILLISECONDS = 6 * 60_000;
const MINUTE_MILLISECONDS = 60_000;
/** A claim that a dead instance left behind ends after some of these. */
const SHORTEST_PAUSE_MILLISECONDS = 30_000;
/** Rounds of `settle` after which something would be due for ever. */
const ROUNDS = 80;

export interface Play extends AsyncDisposable {
  readonly scene: Scene;
  readonly stage: Stage;
  readonly job: Job;
}

/** Everything before the job. */
export async function prepare(scene: Scene): Promise<Play> {
  const scenario = scenarioOf(scene);
  const stage = await openStage(scenario, scene.duty);
  const { scope } = scenario.case;
  let actionId = '';
  if (scene.after !== undefined) {
    const first = await stage.instance({ name: 'first', judged: 'kept' });
    for (const system of scene.down) {
      stage.running.platform.inject({ system, operation: '*', kind: '500' });
    }
    await first.perform({ do: 'run', duty: scene.duty, scope });
    stage.running.platform.clearFaults();
    if (scene.job === 'run') {
      await quiet(stage, first, 0);
    }
    actionId = (await firstAction(first.store))?.id ?? '';
    await first.close();
    stage.pass(scene.after.milliseconds);
  }
  return { scene, stage, job: jobOf(scene, scope, actionId), [Symbol.asyncDispose]: () => stage.close() };
}

/** What follows when the process is started again: the same is asked again, runs go on, and `settle` goes round until all is quiet. */
export async function goOn({ scene, stage, job }: Play, skewMilliseconds = 0): Promise<void> {
  const again = await stage.instance({ name: 'again', judged: scene.judged }, skewMilliseconds);
  try {
    // A scheduler's or a person's repeat, while the dead instance may still hold the scope; and once more when it does not.
    await again.perform(job);
    stage.pass(MINUTE_MILLISECONDS);
    await settle(again);
    stage.pass(LEASE_MILLISECONDS);
    await again.perform(job);
    if (job.do === 'run') {
      await again.perform({ do: 'run', duty: job.duty, scope: job.scope });
    }
    await quiet(stage, again, skewMilliseconds);
    if (job.do === 'run') {
      // The next tick of the schedule tells what was accounted for in between.
      await again.perform({ do: 'run', duty: job.duty, scope: job.scope });
      await quiet(stage, again, skewMilliseconds);
    }
  } finally {
    await again.close();
  }
}

async function settle(instance: Instance): Promise<void> {
  await instance.perform({ do: 'drive', driver: 'settle' });
}

async function quiet(stage: Stage, instance: Instance, skewMilliseconds: number): Promise<void> {
  for (let round = 0; round < ROUNDS; round += 1) {
    const due = await nextDue(instance.store);
    if (due === undefined) {
      return;
    }
    const wait = Date.parse(due) - skewMilliseconds - stage.running.platform.clock.now().getTime();
    stage.pass(Math.max(SHORTEST_PAUSE_MILLISECONDS, wait));
    await settle(instance);
  }
}

/** When `settle` has something to do next. */
export async function nextDue(store: Store): Promise<string | undefined> {
  const orderBy = { field: 'dueAt', direction: 'ascending' } as const;
  const [action] = await store.query<ActionRecord>('actions', {
    where: [{ field: 'dueAt', op: '>', value: '' }],
    orderBy,
    limit: 1,
  });
  const [entry] = await store.query<OutboxEntry>('outbox', {
    where: [
      { field: 'state', op: '==', value: 'pending' },
      { field: 'dueAt', op: '>', value: '' },
    ],
    orderBy,
    limit: 1,
  });
  return [action?.data.dueAt, entry?.data.dueAt].filter((due) => due !== undefined).sort()[0];
}

async function firstAction(store: Store): Promise<ActionRecord | undefined> {
  const actions = await store.query<ActionRecord>('actions', { where: [], limit: 10 });
  return actions.map(({ data }) => data).sort((a, b) => a.id.localeCompare(b.id))[0];
}

// The process that is soaked: the one-process host, exactly as `npm start` serves it, on a clock that jumps to the next moment that
// somebody waits for. Started by soak.ts, which plays the platform in another process so that its memory is not counted as ours.
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { systemIds } from '../../shared/adapters/system/clock.ts';
import { readEnvironment } from '../../shared/config/environment.ts';
import { serveAll } from '../../shared/local/serve.ts';
import { openStoreOf } from '../../shared/wiring/ports.ts';
import { jumpingClock } from './jumping-clock.ts';

/** What it is told, by its first argument. */
export interface SoakTask {
  /** ISO, a whole minute. */
  readonly from: string;
  readonly hours: number;
  /** After the hours time jumps by so many days, over the retention of runs, and goes on for `hoursAfter`. */
  readonly jumpDays: number;
  readonly hoursAfter: number;
  /** That of the store, which NIGHTSHIFT_STORE names. */
  readonly file: string;
}

export interface Stored {
  /** Documents by collection. */
  readonly documents: Readonly<Record<string, number>>;
  /** Of pages that hold something, the log's included. */
  readonly usedBytes: number;
  /** Of the file and its log on disk, with the pages that are free to be used again. */
  readonly fileBytes: number;
}

export interface Soaked {
  /** After each quarter of an hour, garbage collected. */
  readonly heapBytes: readonly number[];
  /** Answers, as `<function> <HTTP status>`. */
  readonly answers: Readonly<Record<string, number>>;
  /** Log lines of severity ERROR. */
  readonly errors: readonly string[];
  /** After the first hour, after all hours, and after what followed the jump. */
  readonly stored: readonly [Stored, Stored, Stored];
}

/** Sent for each minute, and answered when the platform has come to it too; or what came out of it all. */
export type SoakMessage = { readonly at: string } | { readonly soaked: Soaked };

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const QUARTER = HOUR / 4;

async function main(task: SoakTask): Promise<void> {
  const { gc } = globalThis;
  if (gc === undefined) {
    throw new Error('The heap is measured after garbage collection: start it with --expose-gc.');
  }
  const from = Date.parse(task.from);
  const heapBytes: number[] = [];
  const errors: string[] = [];
  const stored: Stored[] = [];
  const ended = Promise.withResolvers<undefined>();
  const jumpAt = from + task.hours * HOUR;
  const endAt = jumpAt + task.jumpDays * DAY + task.hoursAfter * HOUR;
  const clock = jumpingClock(from, async (minute) => {
    if (minute === endAt) {
      ended.resolve(undefined);
      return undefined;
    }
    if (minute <= jumpAt && (minute - from) % QUARTER === 0) {
      gc();
      gc();
      heapBytes.push(process.memoryUsage().heapUsed);
    }
    if (minute === from + HOUR || minute === jumpAt) {
      stored.push(look(task.file));
    }
    const time = minute === jumpAt ? minute + task.jumpDays * DAY : minute;
    await tell({ at: new Date(time).toISOString() });
    return time;
  });
  const environment = readEnvironment();
  const store = openStoreOf(environment, clock);
  const { host, functions } = await serveAll({
    environment,
    policyFile: environment.policy,
    store,
    clock,
    ids: systemIds(clock),
    random: () => 0.5,
    write: (line) => {
      if (/"severity":"(ERROR|CRITICAL)"/.test(line)) {
        errors.push(line.slice(0, 500));
      }
    },
    warn: () => undefined,
  });
  // The loop of the outbox is the one that has no schedule.
  clock.begin(functions.filter(({ schedule }) => schedule !== undefined).length + 1);
  await ended.promise;
  stored.push(look(task.file));
  const answers = await answersOf(host.url);
  await host.stop();
  await store.close();
  process.send?.({
    soaked: { heapBytes, answers, errors, stored: stored as unknown as Soaked['stored'] },
  } satisfies SoakMessage);
  process.disconnect();
}

async function tell(message: SoakMessage): Promise<void> {
  const answered = once(process, 'message');
  process.send?.(message);
  await answered;
}

/** As the host counts them. */
async function answersOf(url: string): Promise<Soaked['answers']> {
  const metrics = await (await fetch(`${url}/metrics`)).text();
  return Object.fromEntries(
    [...metrics.matchAll(/^nightshift_runs_total\{duty="(.*)",status="(.*)"\} (\d+)$/gm)].map(
      ([, name = '', status = '', count = '']) => [`${name} ${status}`, Number(count)],
    ),
  );
}

/** The file as another process sees it. */
function look(file: string): Stored {
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    const pragma = (name: string): number => Number(database.prepare(`PRAGMA ${name}`).get()?.[name]);
    const rows = database.prepare('SELECT collection, count(*) AS documents FROM documents GROUP BY collection').all();
    const pageBytes = pragma('page_size');
    return {
      documents: Object.fromEntries(rows.map((row) => [String(row['collection']), Number(row['documents'])])),
      usedBytes: (pragma('page_count') - pragma('freelist_count')) * pageBytes,
      fileBytes: statSync(file).size + statSync(`${file}-wal`).size,
    };
  } finally {
    database.close();
  }
}

await main(JSON.parse(process.argv[2] ?? '') as SoakTask);

// `npm run bench`: what a run costs, as multiples of a floor that is measured in the same minutes on the same servers. It prints
// one table a part, and never passes or fails by the clock: what the figures mean is for a person to say. With `--real` the servers
// are those of tests/real.
import path from 'node:path';
import { benchCiLogs } from './bench/ci-logs.ts';
import { type ColdStart, coldStarts } from './bench/cold-start.ts';
import { type Bench, median, openBench } from './bench/measure.ts';
import { benchModel } from './bench/model.ts';
import { benchPipelines } from './bench/pipelines.ts';
import type { CallCounts } from './bench/platform.ts';
import type { Measured, Work } from './bench/subject.ts';
import { openRealServers, type Size } from './bench/real.ts';
import { benchSettle } from './bench/settle.ts';
import { benchSoak } from './bench/soak.ts';
import { embeddedTarget, type Target } from './bench/target.ts';
import { readManifests } from '../shared/config/manifest.ts';
import { renderTable } from '../shared/core/table.ts';

const DUTY = 'rebalance';
const SIZES: readonly Size[] = [
  { pods: 500, namespaces: 1 },
  { pods: 5000, namespaces: 1 },
];
/** On real servers only; `--largest=N` takes fewer pods where the machine does not bear them. */
const LARGEST = { pods: 50_000, namespaces: 100 };
const LARGEST_FLAG = '--largest=';
const ROUNDS = 5;
/** Each takes a hundred times as long. */
const LARGEST_ROUNDS = 3;
const COLD_ROUNDS = 7;
const WARM_ROUNDS = 3;
/** After the first ones the optimising compiler has seen everything. */
const WARM_TIMES = 6;
const COLD_PODS = 20;
/** The first run waits for queries that nobody has asked before, which the embedded platform needs seconds for. */
const PATIENT_SECONDS = 300;

const GOALS = { list: 0.6, run: 1.2, peakMib: 200, coldStart: 1.5 } as const;

interface Figures {
  readonly pods: number;
  readonly connected: Readonly<Record<'raw' | 'ours', readonly Measured[]>>;
  /** Several lists in each process; where there are many namespaces, a process has several anyway. */
  readonly warm: Readonly<Record<'raw' | 'ours', readonly Measured[]>> | undefined;
  readonly runs: Readonly<Record<'floor' | 'dry' | 'real', readonly Measured[]>>;
  /** With queries that take as long as a real server's; absent where the servers are real ones. */
  readonly paced: Readonly<Record<'floor' | 'dry' | 'real', readonly Measured[]>> | undefined;
  readonly calls: { readonly dry: CallCounts; readonly real?: CallCounts } | undefined;
}

async function benchRuns(): Promise<void> {
  const manifest = (await readManifests(path.resolve(import.meta.dirname, '../functions'))).find(
    ({ name }) => name === DUTY,
  );
  if (manifest === undefined) {
    throw new Error(`functions/${DUTY}/function.yaml is not there.`);
  }
  const isReal = process.argv.includes('--real');
  const sizes = isReal ? [...SIZES, largest()] : SIZES;
  const servers = isReal ? await openRealServers(DUTY, sizes) : undefined;
  const bench = await openBench(manifest.memoryMiB);
  try {
    const all: Figures[] = [];
    for (const size of sizes) {
      const { pods, namespaces } = size;
      say(
        `filling ${namespaces === 1 ? 'a namespace' : `${String(namespaces)} namespaces`} with ${String(pods)} pods …`,
      );
      const target = await (servers?.target(size) ?? embeddedTarget(pods));
      try {
        say(`measuring ${String(pods)} pods …`);
        all.push(await figuresOf(bench, target, namespaces === 1 ? ROUNDS : LARGEST_ROUNDS));
      } finally {
        await target.close();
      }
      if (all.length > 1) {
        // The largest size takes half an hour more, and may not end: what is known is told.
        printAll(all, manifest.memoryMiB);
      }
    }
  } finally {
    await bench.close();
    await servers?.close();
  }
  if (isReal) {
    return;
  }
  say('measuring the cold start …');
  await printColdStart();
}

function largest(): Size {
  const given = process.argv.find((argument) => argument.startsWith(LARGEST_FLAG));
  const pods = given === undefined ? LARGEST.pods : Number(given.slice(LARGEST_FLAG.length));
  if (!Number.isSafeInteger(pods) || pods < LARGEST.namespaces || pods % LARGEST.namespaces !== 0) {
    throw new Error(
      `${LARGEST_FLAG}N takes a number of pods that ${String(LARGEST.namespaces)} namespaces share evenly.`,
    );
  }
  return { ...LARGEST, pods };
}

async function figuresOf(bench: Bench, target: Target, rounds: number): Promise<Figures> {
  const changes = target.putBack !== undefined;
  const recorded = await bench.once(target, {
    kind: 'run',
    dryRun: true,
    deadlineSeconds: PATIENT_SECONDS,
    recordQueries: true,
  });
  await bench.compile(target, { kind: 'run', dryRun: !changes });
  // The servers have made up their lists in both encodings before anything is measured.
  await bench.once(target, { kind: 'raw list' });
  const calls = await callsOfRuns(bench, target);
  const lists = { raw: { kind: 'raw list' }, ours: { kind: 'list' } } as const;
  const dryWorks = {
    floor: { kind: 'floor', waves: recorded.waves ?? [] },
    dry: { kind: 'run', dryRun: true },
  } as const satisfies Record<string, Work>;
  const works = { ...dryWorks, real: { kind: 'run', dryRun: false } } as const satisfies Record<string, Work>;
  const connected = await bench.inTurns(target, rounds, lists);
  const warm = target.scopes.length === 1 ? await bench.inTurns(target, WARM_ROUNDS, lists, WARM_TIMES) : undefined;
  const runs = changes
    ? await bench.inTurns(target, rounds, works)
    : { ...(await bench.inTurns(target, rounds, dryWorks)), real: [] };
  await target.setPace?.(true);
  const paced = target.setPace === undefined ? undefined : await bench.inTurns(target, rounds, works);
  return { pods: target.pods, connected, warm, runs, paced, calls };
}

async function callsOfRuns(bench: Bench, target: Target): Promise<Figures['calls']> {
  if (target.takeCalls === undefined) {
    return undefined;
  }
  await target.takeCalls();
  await bench.once(target, { kind: 'run', dryRun: true });
  const dry = await target.takeCalls();
  if (target.putBack === undefined) {
    return { dry };
  }
  await bench.once(target, { kind: 'run', dryRun: false });
  return { dry, real: await target.takeCalls() };
}

function printAll(all: readonly Figures[], memoryMib: number): void {
  printLists(all);
  printRuns(all);
  printMemory(all, memoryMib);
  printRequests(all);
  printGrowth(all);
}

function printLists(all: readonly Figures[]): void {
  print(
    'List of pods, as a multiple of the raw paged JSON list',
    ['pods', 'process', 'raw list', 'listPods', 'multiple', 'goal'],
    all.flatMap(({ pods, connected, warm }) => {
      const fresh = [firstOf(connected.raw), firstOf(connected.ours)] as const;
      const row = (process: string, times: readonly [number, number]): string[] => [
        String(pods),
        process,
        ...compared(...times),
        `≤ ${String(GOALS.list)}`,
      ];
      return [
        row('fresh', fresh),
        ...(warm === undefined ? [] : [row('warm', [laterOf(warm.raw), laterOf(warm.ours)])]),
      ];
    }),
    [
      `Medians of ${String(ROUNDS)} rounds (warm: of ${String(WARM_ROUNDS)}, each the last of ${String(WARM_TIMES)} lists); pages of 500; connections stand before the clock runs.`,
    ],
  );
}

function printRuns(all: readonly Figures[]): void {
  const row = (pods: number, servers: string, kind: string, floor: readonly Measured[], run: readonly Measured[]) => [
    String(pods),
    servers,
    kind,
    ...compared(firstOf(floor), firstOf(run)),
    ratio(median(run.map(({ cpuMilliseconds }) => cpuMilliseconds)) / median(floor.map((one) => one.cpuMilliseconds))),
    `≤ ${String(GOALS.run)}`,
  ];
  print(
    `A whole ${DUTY} run, as a multiple of that JSON list and the same queries sent raw`,
    ['pods', 'queries answered', 'run', 'floor', 'run takes', 'multiple', 'of CPU', 'goal'],
    all.flatMap(({ pods, runs, paced }) => [
      row(pods, paced === undefined ? 'by the servers' : 'at once', 'dry', runs.floor, runs.dry),
      ...(runs.real.length === 0
        ? []
        : [row(pods, paced === undefined ? 'by the servers' : 'at once', 'real', runs.floor, runs.real)]),
      ...(paced === undefined
        ? []
        : [
            row(pods, 'at real pace', 'dry', paced.floor, paced.dry),
            row(pods, 'at real pace', 'real', paced.floor, paced.real),
          ]),
    ]),
    [
      `Medians of ${String(ROUNDS)} rounds, each in a fresh process. A run counts from its settings to its last delivery; the floor understands nothing of what it reads.`,
      'By the servers: each answers as it does. At once: replies are remembered, so that only the client is compared, which is stricter than any real server. At real pace: each query takes what VictoriaMetrics 1.107 took for it, in line for one core.',
      ...all.flatMap(({ pods, runs }) =>
        [runs.real[0] ?? runs.dry[0]].flatMap((one) =>
          one === undefined
            ? []
            : [`${String(pods)} pods, ${runs.real.length === 0 ? 'dry' : 'real'}: ${outcome(one)}.`],
        ),
      ),
    ],
  );
}

function printMemory(all: readonly Figures[], memoryMib: number): void {
  const peak = (measured: readonly Measured[]): string =>
    measured.length === 0
      ? '–'
      : `${String(Math.round(Math.max(...measured.map(({ peakBytes }) => peakBytes)) / 2 ** 20))} MiB`;
  print(
    'Peak memory of a process (largest of all rounds)',
    ['pods', 'raw list', 'listPods', 'floor', 'dry run', 'real run', 'goal'],
    all.map(({ pods, connected, runs }) => [
      String(pods),
      ...[connected.raw, connected.ours, runs.floor, runs.dry, runs.real].map(peak),
      `≤ ${String(GOALS.peakMib)} MiB`,
    ]),
    [`All with the heap that Node takes in a container of ${String(memoryMib)} MiB, which function.yaml asks for.`],
  );
}

function printRequests(all: readonly Figures[]): void {
  const counted = all.flatMap(({ pods, calls }) => (calls === undefined ? [] : [{ pods, calls }]));
  if (counted.length === 0) {
    return;
  }
  const operations = [
    ...new Set(counted.flatMap(({ calls }) => [...Object.keys(calls.dry), ...Object.keys(calls.real ?? {})])),
  ];
  const total = (counts: CallCounts): number => Object.values(counts).reduce((sum, count) => sum + count, 0);
  const further = (counts: CallCounts): number => Math.max(0, (counts[PAGED] ?? 0) - 1) + (counts[NODES] ?? 0);
  const row = (name: string, of: (counts: CallCounts) => number): string[] => [
    name,
    ...counted.flatMap(({ calls }) => [calls.dry, calls.real].flatMap((one) => (one ? [String(of(one))] : []))),
  ];
  print(
    'Requests of a run',
    [
      '',
      ...counted.flatMap(({ pods, calls }) => [
        `${String(pods)} dry`,
        ...(calls.real === undefined ? [] : [`${String(pods)} real`]),
      ]),
    ],
    [
      ...operations.toSorted().map((name) => row(name, (counts) => counts[name] ?? 0)),
      row('all', total),
      row('all without further lists of pods, and nodes', (counts) => total(counts) - further(counts)),
    ],
    [
      'Goal: the last line is the same for every number of pods. Further lists are pages. Pods that are to be raised add their nodes and what runs on those, as a list or one by one, whichever is cheaper.',
    ],
  );
}

const PAGED = 'kubernetes list pods';
const NODES = 'kubernetes list nodes';

function printGrowth(all: readonly Figures[]): void {
  const works: readonly (readonly [string, (figures: Figures) => readonly Measured[]])[] = [
    ['raw list', ({ connected }) => connected.raw],
    ['listPods', ({ connected }) => connected.ours],
    ['floor', ({ runs }) => runs.floor],
    ['dry run', ({ runs }) => runs.dry],
  ];
  print(
    'Growth of time: the exponent over the number of pods, 1 being in proportion',
    ['from', 'to', ...works.map(([name]) => name)],
    all.slice(1).flatMap((larger, index) => {
      const smaller = all[index];
      return smaller === undefined
        ? []
        : [
            [
              String(smaller.pods),
              String(larger.pods),
              ...works.map(([, of]) =>
                ratio(Math.log(firstOf(of(larger)) / firstOf(of(smaller))) / Math.log(larger.pods / smaller.pods)),
              ),
            ],
          ];
    }),
    ['Of the medians above; what a process needs at its start counts in both.'],
  );
}

async function printColdStart(): Promise<void> {
  const target = await embeddedTarget(COLD_PODS, true);
  try {
    const { bare, repeat, run, dryRun, notCompiled } = await coldStarts(DUTY, target, COLD_ROUNDS);
    const milliseconds = (value: number): string => `${String(Math.round(value))} ms`;
    const row = (name: string, measured: readonly ColdStart[], goal: string): readonly string[] => {
      const [listens, answers] = [medianOf(measured, 'listens'), medianOf(measured, 'answers')];
      const least = (starts: readonly ColdStart[]): number => Math.min(...starts.map((one) => one.answers));
      return [
        name,
        milliseconds(listens),
        milliseconds(answers - listens),
        milliseconds(answers),
        ratio(answers / medianOf(bare, 'answers')),
        ratio(least(measured) / least(bare)),
        goal,
      ];
    };
    print(
      `Cold start: from a new process to the first 200, as a multiple of the bare functions framework`,
      ['function and request', 'till it listens', 'till it answers', 'both', 'multiple', 'of the fastest', 'goal'],
      [
        row('bare: answers at once and reads nothing', bare, ''),
        row(`${DUTY}: a repeat, answered with the stored report`, repeat, `≤ ${String(GOALS.coldStart)}`),
        row(`${DUTY}: a run over ${String(COLD_PODS)} pods that posts its report`, run, `≤ ${String(GOALS.coldStart)}`),
        row(`${DUTY}: a dry run over them`, dryRun, ''),
        row(`${DUTY}: the run without its compiled code`, notCompiled, ''),
      ],
      [
        `Medians of ${String(COLD_ROUNDS)} rounds in turns, and the fastest of each against the fastest bare one. A run reads settings and policy, opens its store, lists, asks the queries, decides, stores and posts.`,
      ],
    );
  } finally {
    await target.close();
  }
}

function medianOf(starts: readonly ColdStart[], part: keyof ColdStart): number {
  return median(starts.map((one) => one[part]));
}

/** The first time of each process. */
function firstOf(measured: readonly Measured[]): number {
  return median(measured.map(({ milliseconds }) => milliseconds[0] ?? Number.NaN));
}

/** The later half of the times of each process. */
function laterOf(measured: readonly Measured[]): number {
  return median(measured.flatMap(({ milliseconds }) => milliseconds.slice(Math.ceil(milliseconds.length / 2))));
}

function compared(floor: number, ours: number): readonly [string, string, string] {
  return [`${String(Math.round(floor))} ms`, `${String(Math.round(ours))} ms`, ratio(ours / floor)];
}

function ratio(value: number): string {
  return value.toFixed(2);
}

function outcome({ outcome: counts }: Measured): string {
  return Object.entries(counts ?? {})
    .map(([what, count]) => `${String(count)} ${what}`)
    .join(', ');
}

function print(
  title: string,
  header: readonly string[],
  rows: readonly (readonly string[])[],
  notes: readonly string[],
): void {
  console.log(`\n${title}\n\n${renderTable(header, rows)}\n\n${notes.join('\n')}`);
}

/** Progress, apart from the tables. */
function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** What can be measured by itself, by its name: `npm run bench -- runs`. */
const PARTS: Readonly<Record<string, () => Promise<void>>> = {
  runs: benchRuns,
  'ci-logs': benchCiLogs,
  model: benchModel,
  pipelines: benchPipelines,
  settle: benchSettle,
  soak: benchSoak,
};

const given = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
// Only runs can be measured on real servers: whoever asks for those wants nothing else.
const unnamed = process.argv.includes('--real') ? ['runs'] : Object.keys(PARTS);
for (const part of given.length === 0 ? unnamed : given) {
  const measure = PARTS[part];
  if (measure === undefined) {
    throw new Error(`There is no part ${part}. Parts: ${Object.keys(PARTS).join(', ')}; without a name all of them.`);
  }
  await measure();
}

// The builds of a made-up team over hours: when and where they begin, how long they take, and why some fail. Numbers from a seed
// alone, so that the same seed makes the same day. It runs nothing.
//
// What it assumes, and why:
// - Builds begin at random moments (exponential gaps), nine of ten in the active repositories, of which a few build most.
// - One build of five fails, two of five failures for no fault of a change: 141 of 366 hand-labelled logs of one project were such
//   (arXiv 2507.04173). Six of seven reruns pass.
// - Transient failures have the causes of the shipped catalogue, categories as often as 4,511 labelled failures of TELUS had them
//   (arXiv 2501.04976), those that were not counted there as rare as one in forty; within a category each signature alike. One
//   cause for the whole team, or four in turn, would be a storm without end.
// - Regular failures are tests, compilers, linters, credentials and the like, as the catalogue's other categories have them.
// - A build takes four minutes (median; log-normal), a failed one ends after a part of that.
// - A real storm is made on purpose, and what fails in it is counted apart, since its reruns wait for its end.
import { explainLog } from '../../shared/core/log/explain.ts';
import { compileCatalogue, type SignatureFile } from '../../shared/core/log/signature.ts';

export interface TeamOptions {
  readonly seed: number;
  /** Before the first failure builds only pass: by then it is known who is active, as after a day at work. */
  readonly warmUpHours: number;
  readonly hours: number;
  readonly repositories: number;
  /** This many repositories have nine of ten builds. */
  readonly active: number;
  readonly failuresPerHour: number;
  /** Builds of other repositories each that fail with one cause within ten minutes, in the middle of the time. */
  readonly stormBuilds: number;
}

export interface TeamBuild {
  readonly repository: string;
  readonly isActive: boolean;
  readonly commit: string;
  /** Since the beginning, in seconds. */
  readonly createdAt: number;
  readonly endsAt: number;
  /** Of the first run, and of a rerun. */
  readonly seconds: readonly [number, number];
  readonly kind: 'passes' | 'transient' | 'storm' | 'regular';
  readonly rerunPasses: boolean;
  readonly log: string;
}

export const PENDING_SECONDS = 5;
const HOUR_SECONDS = 3600;
const ACTIVE_SHARE = 0.9;
const PASSES_PER_FAILURE = 4;
const TRANSIENT_SHARE = 0.4;
const RERUN_PASSES_SHARE = 6 / 7;
const MEDIAN_SECONDS = 240;
const SPREAD = 0.7;
const STORM_SECONDS = 600;
const STORM_SIGNATURE = 'network/npm';

/** Percent of all labelled failures, by our names of the categories. */
const COUNTED: Readonly<Record<string, number>> = {
  'docker-daemon': 7.2,
  'job-timeout': 6.8,
  'registry-5xx': 4.7,
  network: 4.5,
  'agent-start': 4.4,
  'git-transient': 2.5,
  dns: 2,
};
const NOT_COUNTED = 1;
const REGULAR: Readonly<Record<string, number>> = { test: 45, compile: 20, lint: 10 };
const OTHER_REGULAR = 5;

/** All builds of the time in the order in which they begin. */
export function buildsOf(options: TeamOptions, files: readonly SignatureFile[]): readonly TeamBuild[] {
  const random = randomOf(options.seed);
  const causes = causesOf(files);
  const { from, until, middle } = timesOf(options);
  const failing = arrivals(random, options.failuresPerHour, from, until).map((at): TeamBuild => {
    const isTransient = random() < TRANSIENT_SHARE;
    const log = picked(random, isTransient ? causes.transient : causes.regular);
    return buildOf(options, random, at, isTransient ? 'transient' : 'regular', log);
  });
  const passing = arrivals(random, options.failuresPerHour * PASSES_PER_FAILURE, 0, until).map((at) =>
    buildOf(options, random, at, 'passes', 'ok\n'),
  );
  const storm = Array.from({ length: options.stormBuilds }, (_, index): TeamBuild => {
    const at = middle + random() * STORM_SECONDS;
    const made = buildOf(options, random, at, 'storm', causes.storm);
    return { ...made, ...placeOf(options, index % options.repositories), seconds: [30, 30], endsAt: at + 35 };
  });
  return [...passing, ...failing, ...storm]
    .sort((a, b) => a.createdAt - b.createdAt)
    .map((build, index) => ({ ...build, commit: (index + 1).toString(16).padStart(8, '0').padStart(9, 'a') }));
}

/** When failures begin and end, and the storm begins, in seconds. */
export function timesOf({ warmUpHours, hours }: TeamOptions): {
  readonly from: number;
  readonly until: number;
  readonly middle: number;
} {
  const from = warmUpHours * HOUR_SECONDS;
  const until = from + hours * HOUR_SECONDS;
  return { from, until, middle: (from + until) / 2 };
}

function buildOf(
  options: TeamOptions,
  random: () => number,
  at: number,
  kind: TeamBuild['kind'],
  log: string,
): TeamBuild {
  const whole = Math.min(3600, Math.max(30, Math.round(MEDIAN_SECONDS * Math.exp(SPREAD * normal(random)))));
  const first = kind === 'passes' ? whole : Math.max(10, Math.round(whole * (0.2 + 0.8 * random())));
  const rerunPasses = random() < RERUN_PASSES_SHARE;
  return {
    ...placeOf(options, repositoryOf(options, random)),
    commit: '',
    createdAt: Math.round(at),
    endsAt: Math.round(at) + PENDING_SECONDS + first,
    seconds: [first, rerunPasses ? whole : first],
    kind,
    rerunPasses,
    log,
  };
}

function placeOf({ active }: TeamOptions, index: number): Pick<TeamBuild, 'repository' | 'isActive'> {
  return { repository: slugOf(index), isActive: index < active };
}

export function slugOf(index: number): string {
  return `service-${String(index).padStart(3, '0')}`;
}

/** The n-th of the active ones builds about 1/(n+5) as often as the first: a few build most. */
function repositoryOf({ active, repositories }: TeamOptions, random: () => number): number {
  if (random() < ACTIVE_SHARE || repositories === active) {
    const weights = Array.from({ length: active }, (_, index) => [index, 1 / (index + 5)] as const);
    return picked(random, weights);
  }
  return active + Math.floor(random() * (repositories - active));
}

interface Causes {
  readonly transient: readonly (readonly [string, number])[];
  readonly regular: readonly (readonly [string, number])[];
  readonly storm: string;
}

/** Logs with their weights: the catalogue's own examples, those that the classifier takes for what they are. */
function causesOf(files: readonly SignatureFile[]): Causes {
  const catalogue = compileCatalogue(files);
  const logs = files.flatMap(({ category, rerun, signatures }) => {
    const own = signatures.flatMap((one) => {
      const signature = `${category}/${one.id}`;
      const wanted = (one.rerun ?? rerun) === 'helps' ? 'transient' : 'regular';
      const log = one.examples.map(logOf).find((text) => {
        const found = explainLog(text, catalogue);
        return found.signature === signature && found.verdict === wanted;
      });
      return log === undefined ? [] : [{ signature, log, wanted }];
    });
    return own.map((one) => ({ ...one, weight: weightOf(category, one.wanted) / own.length }));
  });
  const weighted = (kind: string): Causes['transient'] =>
    logs.filter(({ wanted }) => wanted === kind).map(({ log, weight }) => [log, weight]);
  const storm = logs.find(({ signature }) => signature === STORM_SIGNATURE)?.log;
  if (storm === undefined) {
    throw new Error(`The catalogue has no transient example of ${STORM_SIGNATURE}.`);
  }
  return { transient: weighted('transient'), regular: weighted('regular'), storm };
}

function weightOf(category: string, wanted: string): number {
  return wanted === 'transient' ? (COUNTED[category] ?? NOT_COUNTED) : (REGULAR[category] ?? OTHER_REGULAR);
}

function logOf(example: string): string {
  return `+ make build\nresolving 412 packages\n${example}\n`;
}

/** Moments at random, so many an hour. */
function arrivals(random: () => number, perHour: number, from: number, until: number): readonly number[] {
  const times: number[] = [];
  for (let at = from; ;) {
    at += (-Math.log(1 - random()) * HOUR_SECONDS) / perHour;
    if (at >= until) {
      return times;
    }
    times.push(at);
  }
}

function picked<T>(random: () => number, weighted: readonly (readonly [T, number])[]): T {
  let left = random() * weighted.reduce((sum, [, weight]) => sum + weight, 0);
  for (const [item, weight] of weighted) {
    left -= weight;
    if (left < 0) {
      return item;
    }
  }
  return (weighted.at(-1) as readonly [T, number])[0];
}

function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** mulberry32: https://gist.github.com/tommyettinger/46a874533244883189143505d203312c */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

// When:   the container does not run, its pod terminates or is younger than minimumAge, or its metrics are missing, stale,
//         too few or contradictory
// Then:   skip
// Unless: it was OOM-killed often enough for raise-memory-after-oom: kills are data by themselves, and the container that
//         needs the raise most is young, between two starts, and hardly sampled
// Why:    what could not be looked at is neither idle nor healthy, and must not be acted on
import { durationSeconds } from '../../../shared/core/policy.ts';
import { ageSeconds, evidenceOf, expectedSamples, ownSamples, secondsOf } from '../decide-view.ts';
import type { ContainerView } from '../decide-view.ts';
import { reasonOf } from '../decide-finding.ts';
import type { Skip, Wish } from '../decide-finding.ts';
import { bytesInWords, durationInWords, shareInWords } from '../decide-wording.ts';

interface Gap {
  readonly label: string;
  readonly sentence: string;
}

/** What keeps every rule from judging; with `hasOomPattern` only what makes the kills doubtful as well. */
export function noData(view: ContainerView, hasOomPattern: boolean): Skip | undefined {
  const gap =
    lifeGap(view, hasOomPattern) ??
    sourceGap(view) ??
    contradiction(view) ??
    (hasOomPattern ? staleGap(view) : (youth(view) ?? memoryGap(view)));
  return gap === undefined ? undefined : skip(view, gap);
}

/** What keeps the rules that look at more than memory from judging: without CPU or kills nothing is idle or healthy. */
export function noDataBesidesMemory(view: ContainerView): Skip | undefined {
  const { cpu } = view.container;
  const gap = seriesGap(view, 'CPU', cpu.fresh, cpu.samples, [cpu.averageCores, cpu.p95Cores]) ?? killsGap(view);
  return gap === undefined ? undefined : skip(view, gap);
}

/** What keeps an idle container from being trimmed: floors or limits that could not be read. */
export function noDataForTrim(view: ContainerView, trim: Wish): Skip | undefined {
  const { floors } = view.container;
  const { limitRanges } = view.world.facts;
  if (floors === null || floors.cpuP95Cores === null || floors.memoryMaximumBytes === null) {
    const sentence = `Idle, but its use over ${view.world.policy.floorWindow} is not known, so that there is no floor to stay above.`;
    return skip(view, { label: 'no data for a floor', sentence });
  }
  if ('unreadable' in limitRanges) {
    const sentence = `${trim.reason.sentence} Not done: the limit ranges that could refuse it cannot be read (${limitRanges.unreadable})`;
    return skip(view, { label: 'limit ranges unknown', sentence });
  }
  return undefined;
}

function skip(view: ContainerView, gap: Gap): Skip {
  const evidence = evidenceOf(view, {
    cpuSamples: view.container.cpu.samples,
    expectedSamples: expectedSamples(view.world.policy),
  });
  return { verdict: 'skip', reason: reasonOf('no-data', gap.label, gap.sentence, evidence) };
}

function lifeGap(view: ContainerView, hasOomPattern: boolean): Gap | undefined {
  const { pod, container } = view;
  if (pod.terminating) {
    return { label: 'terminating', sentence: 'The pod is being deleted.' };
  }
  if (pod.phase !== 'Running') {
    return { label: 'not running', sentence: `The pod is ${pod.phase}.` };
  }
  if (container.state === 'running') {
    return undefined;
  }
  const waitsAfterOom =
    container.state === 'waiting' && container.stateReason === 'CrashLoopBackOff' && container.lastOomKillAt !== null;
  if (hasOomPattern && waitsAfterOom) {
    return undefined;
  }
  const why = container.stateReason === null ? '' : ` (${container.stateReason})`;
  return { label: 'not running', sentence: `The container is ${container.state}${why}.` };
}

function sourceGap(view: ContainerView): Gap | undefined {
  const { unusable } = view.world.facts.metrics;
  return unusable === null ? undefined : { label: 'metrics unavailable', sentence: unusable };
}

/** Memory cannot exceed its limit. A maximum may be from before a resize or of the pod before, an average of now may not. */
function contradiction(view: ContainerView): Gap | undefined {
  const { memoryLimitBytes, world, container } = view;
  if (memoryLimitBytes === undefined) {
    return undefined;
  }
  const resizes = [container.resizedAt, ...view.changes.map((change) => change.at)];
  const isSameThroughout =
    view.startSeconds <= world.windowStart && resizes.every((at) => at === null || secondsOf(at) <= world.windowStart);
  const bound = memoryLimitBytes * (1 + world.policy.overLimitTolerance);
  const { averageBytes, maximumBytes } = container.memory;
  const [value, words] =
    averageBytes !== null && averageBytes > bound
      ? [averageBytes, 'Average']
      : isSameThroughout && maximumBytes !== null && maximumBytes > bound
        ? [maximumBytes, 'Maximum']
        : [undefined, ''];
  if (value === undefined) {
    return undefined;
  }
  const share = shareInWords(value / memoryLimitBytes);
  return {
    label: 'contradictory metrics',
    sentence: `${words} memory of ${bytesInWords(value)} is ${share} of the limit, which cannot be: the metrics are of something else.`,
  };
}

function youth(view: ContainerView): Gap | undefined {
  const age = ageSeconds(view);
  const { minimumAge } = view.world.policy;
  if (age >= durationSeconds(minimumAge)) {
    return undefined;
  }
  return {
    label: `younger than ${minimumAge}`,
    sentence: `The pod started ${durationInWords(age)} ago, less than ${minimumAge}.`,
  };
}

function memoryGap(view: ContainerView): Gap | undefined {
  const { memory } = view.container;
  return seriesGap(view, 'memory', memory.fresh, memory.samples, [
    memory.averageBytes,
    memory.p95Bytes,
    memory.maximumBytes,
  ]);
}

function killsGap(view: ContainerView): Gap | undefined {
  const unknown = view.world.facts.metrics.oomKillsUnknown;
  if (unknown !== null) {
    return { label: 'OOM kills unknown', sentence: `OOM kills are not known: ${unknown}` };
  }
  const at = view.unseenOomKillAt;
  return at === null
    ? undefined
    : {
        label: 'contradictory metrics',
        sentence: `The API server saw an OOM kill at ${at} that the metrics do not show.`,
      };
}

/** Kills that ended in silence tell of the past; a container between two starts is silent for a good reason. */
function staleGap(view: ContainerView): Gap | undefined {
  return view.container.state === 'running' && view.container.memory.fresh !== true ? stale(view, 'memory') : undefined;
}

function stale(view: ContainerView, what: string): Gap {
  const sentence = `There is no ${what} sample of the last ${view.world.policy.freshness}, though it runs.`;
  return { label: 'stale metrics', sentence };
}

function seriesGap(
  view: ContainerView,
  what: string,
  fresh: boolean | null,
  samples: number | null,
  values: readonly (number | null)[],
): Gap | undefined {
  const { policy } = view.world;
  if (samples === null || samples === 0) {
    return { label: 'no metrics', sentence: `There is no ${what} sample of it in ${policy.window}.` };
  }
  if (fresh !== true) {
    return stale(view, what);
  }
  const expected = expectedSamples(policy);
  const own = ownSamples(view, samples) ?? 0;
  if (own < expected * policy.minimumSamplesRatio) {
    const sentence = `There are ${own} of ${expected} ${what} samples of ${policy.window}, under ${shareInWords(policy.minimumSamplesRatio)}.`;
    return { label: 'too few samples', sentence };
  }
  return values.includes(null)
    ? { label: 'no metrics', sentence: `The ${what} average, p95 or maximum of ${policy.window} could not be read.` }
    : undefined;
}

// The judge of changed sizes: what a pod must show after its settle time. Pure; what is read stands in resize-container.ts and
// patch-template.ts. Automatic undo answers only harm that the change itself can cause.
import { z } from 'zod';
import type { ActionProposal } from '../core/action.ts';
import type { JsonObject } from '../core/json.ts';
import { cpuMillicores, memoryBytes } from '../core/quantity.ts';
import type { Evidence } from '../core/subject.ts';
import type { Judgement } from './judgement.ts';
import { growthOf, Sizes } from './sizes.ts';

/** Throttled for more than this share of its periods, a container is slowed down by its CPU limit. kubernetes-mixin warns at 25%. */
const THROTTLED_RATIO = 0.25;
/** And by so much more than before, that it is not what it always was. */
const THROTTLED_GROWTH = 0.1;
/** CPU may burst over its request: only a lasting use beyond it by this factor means that the request is too small. */
const CPU_OVER_REQUEST = 1.2;

/** A container and its pod, before a change or after it. Numbers of metrics are null when they could not be read. */
export const PodView = z.strictObject({
  there: z.boolean(),
  evicted: z.boolean(),
  ready: z.boolean(),
  restarts: z.number(),
  /** ISO time of the last termination when it was an OOM kill. */
  oomKilledAt: z.string().nullable(),
  /** State of a resize that the node has not finished. */
  resize: z.string().nullable(),
  throttledRatio: z.number().nullable(),
  memoryBytes: z.number().nullable(),
  cpuCores: z.number().nullable(),
});
export type PodView = z.infer<typeof PodView>;

/** Judges a resized container. */
export function judgePod(action: ActionProposal, before: JsonObject | undefined, after: JsonObject): Judgement {
  const now = PodView.parse(after);
  const then = before === undefined ? undefined : PodView.parse(before);
  const say = sayer(now, then);
  if (!now.there) {
    return now.evicted && isTrim(action)
      ? say(
          'escalate',
          'evicted',
          'The pod was evicted after its requests were lowered; there is nothing left to undo.',
        )
      : say('kept', 'target-gone', 'The pod is gone, and the change with it: there is nothing left to judge.');
  }
  return isTrim(action) ? judgeTrim(action, now, then, say) : judgeRaise(now, then, say);
}

type Say = (verdict: Judgement['verdict'], rule: string, sentence: string) => Judgement;

function sayer(now: PodView, then: PodView | undefined): Say {
  const evidence: Evidence = {
    ready: now.ready,
    restarts: now.restarts,
    restartsBefore: then?.restarts ?? null,
    oomKilledAt: now.oomKilledAt,
    resize: now.resize,
    throttledRatio: now.throttledRatio,
    throttledRatioBefore: then?.throttledRatio ?? null,
    memoryBytes: now.memoryBytes,
    cpuCores: now.cpuCores,
  };
  return (verdict, rule, sentence) => ({ verdict, rule: `verify/${rule}`, sentence, evidence });
}

function isTrim(action: ActionProposal): boolean {
  return growthOf(action).step < 1;
}

function oomKilledSince(now: PodView, then: PodView | undefined): boolean {
  return now.oomKilledAt !== null && now.oomKilledAt !== then?.oomKilledAt && now.restarts > (then?.restarts ?? 0);
}

function judgeRaise(now: PodView, then: PodView | undefined, say: Say): Judgement {
  if (now.resize !== null) {
    return say('undo', 'resize-not-done', `The node has not made the resize: it is ${now.resize}.`);
  }
  if (then === undefined) {
    return say('no-data', 'no-before', 'It is not known how the container was before the change.');
  }
  if (oomKilledSince(now, then)) {
    return say('escalate', 'still-oom-killed', 'It was OOM-killed again: the cure was too weak. The change stays.');
  }
  return judgeHealth(now, then, say) ?? say('kept', 'healthy', 'The container is ready and was not restarted since.');
}

function judgeTrim(action: ActionProposal, now: PodView, then: PodView | undefined, say: Say): Judgement {
  if (now.resize !== null) {
    return say('undo', 'resize-not-done', `The node has not made the resize: it is ${now.resize}.`);
  }
  if (then === undefined) {
    return say('no-data', 'no-before', 'It is not known how the container was before the change.');
  }
  if (oomKilledSince(now, then)) {
    return say('undo', 'oom-killed', 'It was OOM-killed after its sizes were lowered.');
  }
  const sick = judgeHealth(now, then, say);
  if (sick !== undefined) {
    return sick;
  }
  if (
    now.throttledRatio !== null &&
    now.throttledRatio > THROTTLED_RATIO &&
    now.throttledRatio > (then.throttledRatio ?? 0) + THROTTLED_GROWTH
  ) {
    return say(
      'undo',
      'throttled',
      `It is throttled in ${String(Math.round(now.throttledRatio * 100))}% of its CPU periods.`,
    );
  }
  const { requests } = Sizes.parse(action.to);
  if (
    requests['memory'] !== undefined &&
    now.memoryBytes !== null &&
    now.memoryBytes > memoryBytes(requests['memory'])
  ) {
    return say(
      'undo',
      'memory-over-request',
      `It uses more memory than the ${requests['memory']} that it requests now.`,
    );
  }
  const cpu = requests['cpu'];
  if (cpu !== undefined && now.cpuCores !== null && now.cpuCores * 1000 > cpuMillicores(cpu) * CPU_OVER_REQUEST) {
    return say('undo', 'cpu-over-request', `It uses more CPU than the ${cpu} that it requests now.`);
  }
  const missing =
    (requests['memory'] !== undefined && now.memoryBytes === null) || (cpu !== undefined && now.cpuCores === null);
  return missing
    ? say('no-data', 'no-metrics', 'Its use since the change is not known.')
    : say('kept', 'healthy', 'The container is ready, and uses less than it requests now.');
}

/** Readiness and restarts; where it was no better before, the change is not to blame and a person is asked. */
function judgeHealth(now: PodView, then: PodView, say: Say): Judgement | undefined {
  if (!now.ready) {
    return then.ready
      ? say('undo', 'not-ready', 'The pod was ready before the change and is not now.')
      : say('escalate', 'still-not-ready', 'The pod was not ready before the change and is not now.');
  }
  return now.restarts > then.restarts && now.oomKilledAt === then.oomKilledAt
    ? say('undo', 'restarted', 'The container was restarted since, and not by an OOM kill.')
    : undefined;
}

/** A workload whose template was changed, before or after. */
export const WorkloadView = z.strictObject({
  there: z.boolean(),
  observed: z.boolean(),
  paused: z.boolean(),
  replicas: z.number(),
  updated: z.number(),
  ready: z.number(),
});
export type WorkloadView = z.infer<typeof WorkloadView>;

/** Judges a rollout by what its controller says of it. */
export function judgeRollout(before: JsonObject | undefined, after: JsonObject): Judgement {
  const now = WorkloadView.parse(after);
  const then = before === undefined ? undefined : WorkloadView.parse(before);
  const evidence: Evidence = {
    replicas: now.replicas,
    updatedReplicas: now.updated,
    readyReplicas: now.ready,
    readyReplicasBefore: then?.ready ?? null,
  };
  const say: Say = (verdict, rule, sentence) => ({ verdict, rule: `verify/${rule}`, sentence, evidence });
  if (!now.there) {
    return say('kept', 'target-gone', 'The workload is gone, and the change with it: there is nothing left to judge.');
  }
  if (then === undefined) {
    return say('no-data', 'no-before', 'It is not known how the workload was before the change.');
  }
  if (now.paused) {
    return say('no-data', 'rollout-paused', 'The rollout is paused.');
  }
  const done = now.observed && now.updated >= now.replicas;
  if (done && now.ready >= now.replicas) {
    return say('kept', 'rolled-out', `All ${String(now.replicas)} replicas run with the new sizes and are ready.`);
  }
  return then.ready >= then.replicas
    ? say(
        'undo',
        'rollout-stuck',
        `${String(now.updated)} of ${String(now.replicas)} replicas are new and ${String(now.ready)} are ready; all were before.`,
      )
    : say(
        'escalate',
        'rollout-stuck-as-before',
        `Only ${String(now.ready)} of ${String(now.replicas)} replicas are ready, as not all were before.`,
      );
}

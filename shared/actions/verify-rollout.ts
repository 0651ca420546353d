// The judge of a changed template: what its workload must show after the settle time. Pure; what is read stands in patch-template.ts.
// Automatic undo answers only harm that the change itself can cause; a rollout that still makes progress is waited for.
import { z } from 'zod';
import type { ActionProposal } from '../core/action.ts';
import type { JsonObject } from '../core/json.ts';
import type { Evidence } from '../core/subject.ts';
import { type Finding, finding, type Judgement } from './judgement.ts';
import { Usage } from './recent-usage.ts';
import { isSamePace } from './restart-pace.ts';
import { changesOf } from './sizes.ts';
import { judgeOomKill } from './verify-pod.ts';
import { ROLLOUT_STALL_SECONDS } from './verify-thresholds.ts';
import { judgeUsage } from './verify-usage.ts';

const Rollout = z.lazy(() =>
  z.strictObject({
    /** Its controller has seen the template as it is now. */
    isObserved: z.boolean(),
    paused: z.boolean(),
    strategy: z.string(),
    revisionPending: z.boolean(),
    replicas: z.number(),
    updated: z.number(),
    ready: z.number(),
    available: z.number(),
    /** Where the sizes of the template stand, seen from the action. */
    sizes: z.enum(['from', 'to', 'elsewhere', 'gone']),
    hasCpuLimit: z.boolean(),
    /** Pods that run with the sizes of the template as it is now, together; and how many of them their nodes have evicted. */
    pods: z.strictObject({
      count: z.number(),
      youngestSeconds: z.number().nullable(),
      oomKills: z.number(),
      otherRestarts: z.number(),
      evicted: z.number(),
    }),
    usage: Usage,
    usageProblem: z.string().nullable(),
  }),
);
export type Rollout = z.infer<typeof Rollout>;

/** A workload whose template is changed, before or after. */
export const WorkloadView = z.lazy(() =>
  z.strictObject({
    observedAt: z.string(),
    workload: z.enum(['there', 'gone', 'replaced', 'being-deleted']),
    /** Null unless the workload is there. */
    rollout: Rollout.nullable(),
  }),
);
export type WorkloadView = z.infer<typeof WorkloadView>;

/** Judges a rollout by what its controller and its pods say. What was stored in another shape counts as not read. */
export function judgeRollout(action: ActionProposal, before: JsonObject | undefined, after: JsonObject): Judgement {
  const now = WorkloadView.parse(after);
  const then = before === undefined ? undefined : (WorkloadView.safeParse(before).data?.rollout ?? undefined);
  return { ...findingOf(action, then, now), evidence: evidenceOf(then, now) };
}

function findingOf(
  action: ActionProposal,
  then: Rollout | undefined,
  { workload, rollout: now }: WorkloadView,
): Finding {
  if (now === null) {
    const how = {
      gone: 'is gone',
      replaced: 'was replaced by another',
      'being-deleted': 'is being deleted',
      there: '',
    };
    return finding(
      'kept',
      'target-gone',
      `The workload ${how[workload]}, and the change with it: there is nothing to undo.`,
    );
  }
  if (now.sizes !== 'to') {
    return finding(
      'kept',
      'changed-since',
      'Somebody has changed these sizes since: there is nothing of ours to undo.',
    );
  }
  if (then === undefined) {
    return finding('no-data', 'no-before', 'It is not known how the workload was before the change.');
  }
  return (
    judgeKills(action, then, now) ??
    judgeProgress(then, now) ??
    judgeRestarts(then, now) ??
    judgeUsage(action, {
      before: then.usage,
      after: now.usage,
      hasCpuLimit: now.hasCpuLimit,
      problem: now.usageProblem ?? then.usageProblem,
    }) ??
    finding(
      'kept',
      'rolled-out',
      `All ${String(now.replicas)} replicas run with the new sizes, are ready and were not restarted.`,
    )
  );
}

function judgeKills(action: ActionProposal, then: Rollout, now: Rollout): Finding | undefined {
  const changes = changesOf(action).filter(({ resource }) => resource === 'memory');
  const isMemoryTrim = changes.some(({ shrinks }) => shrinks);
  if (now.pods.oomKills > 0) {
    return judgeOomKill(
      isMemoryTrim,
      changes.length > 0,
      isAsBefore(then, now, (pods) => pods.oomKills),
    );
  }
  if (now.pods.evicted === 0 || !isMemoryTrim) {
    return undefined;
  }
  const evicted = `${String(now.pods.evicted)} of its new pods were evicted by their nodes`;
  return isAsBefore(then, now, (pods) => pods.evicted)
    ? finding('escalate', 'still-evicted', `${evicted}, as often as before the change: it is not to blame.`)
    : finding('undo', 'evicted', `${evicted} after its memory was lowered.`);
}

function judgeProgress(then: Rollout, now: Rollout): Finding | undefined {
  const { replicas, updated, ready, available, pods } = now;
  if (now.paused) {
    return finding('no-data', 'rollout-paused', 'The rollout is paused.');
  }
  if (!now.isObserved) {
    return finding('no-data', 'rollout-not-begun', 'Its controller has not seen the change yet.');
  }
  if (replicas === 0) {
    return finding(
      'no-data',
      'no-replicas',
      'The workload is scaled to nothing: no pod shows how it lives with its sizes.',
    );
  }
  if (isComplete(now)) {
    return undefined;
  }
  const state = `${String(updated)} of ${String(replicas)} replicas are new, ${String(ready)} are ready and ${String(available)} available`;
  if (now.strategy === 'OnDelete' && updated < replicas) {
    return finding('no-data', 'rollout-by-hand', `${state}; its pods are replaced only when somebody deletes them.`);
  }
  if (pods.youngestSeconds !== null && pods.youngestSeconds < ROLLOUT_STALL_SECONDS) {
    return finding('no-data', 'rollout-under-way', `${state}; the rollout makes progress.`);
  }
  return isComplete(then)
    ? finding('undo', 'rollout-stuck', `${state}, and nothing moves; before the change all were.`)
    : finding('escalate', 'rollout-stuck-as-before', `${state}; not all were before the change either.`);
}

function isComplete({ replicas, updated, ready, available, revisionPending }: Rollout): boolean {
  return updated >= replicas && ready >= replicas && available >= replicas && !revisionPending;
}

function judgeRestarts(then: Rollout, now: Rollout): Finding | undefined {
  const { otherRestarts, count } = now.pods;
  if (otherRestarts === 0) {
    return undefined;
  }
  const what = `Its ${String(count)} new pods were restarted ${String(otherRestarts)} times, and not by OOM kills`;
  return isAsBefore(then, now, (pods) => pods.otherRestarts)
    ? finding('escalate', 'still-restarting', `${what}; the pods before the change were too.`)
    : finding('undo', 'restarted', `${what}.`);
}

/** By pod and not by time: what waits for its database restarts once after every start. */
function isAsBefore(then: Rollout, now: Rollout, counted: (pods: Rollout['pods']) => number): boolean {
  return isSamePace(
    { restarts: counted(then.pods), over: then.pods.count },
    { restarts: counted(now.pods), over: now.pods.count },
  );
}

function evidenceOf(then: Rollout | undefined, { workload, rollout: now }: WorkloadView): Evidence {
  return {
    workload,
    replicas: now?.replicas ?? null,
    updatedReplicas: now?.updated ?? null,
    readyReplicas: now?.ready ?? null,
    readyReplicasBefore: then?.ready ?? null,
    availableReplicas: now?.available ?? null,
    oomKills: now?.pods.oomKills ?? null,
    otherRestarts: now?.pods.otherRestarts ?? null,
    evictedPods: now?.pods.evicted ?? null,
    memoryBytes: now?.usage.memoryBytes ?? null,
    cpuCores: now?.usage.cpuCores ?? null,
    throttledRatio: now?.usage.throttledRatio ?? null,
    throttledRatioBefore: then?.usage.throttledRatio ?? null,
  };
}

// The judge of a resized container: what its pod must show after the settle time. Pure; what is read stands in resize-container.ts.
// Automatic undo answers only harm that the change itself can cause; what was so before is a matter for a person.
import { z } from 'zod';
import type { ActionProposal } from '../core/action.ts';
import type { JsonObject } from '../core/json.ts';
import type { Evidence } from '../core/subject.ts';
import { type Finding, finding, type Judgement } from './judgement.ts';
import { UNKNOWN_USAGE, Usage } from './recent-usage.ts';
import { isSamePace, OOM_KILLED, type Pace } from './restart-pace.ts';
import { changesOf } from './sizes.ts';
import { judgeUsage } from './verify-usage.ts';

const ContainerView = z.lazy(() =>
  z.strictObject({
    phase: z.string(),
    /** Of the pod, e.g. Evicted. */
    reason: z.string().nullable(),
    podReady: z.boolean(),
    podStartedAt: z.string().nullable(),
    /** Where the sizes of the spec stand, seen from the action. */
    sizes: z.enum(['from', 'to', 'elsewhere', 'gone']),
    hasCpuLimit: z.boolean(),
    /** The platform restarts the container to change these sizes. */
    restartsOnResize: z.boolean(),
    /** When the container was last resized, by the API server's record. */
    changedAt: z.string().nullable(),
    /** A resize of the pod that the node has not finished. */
    resize: z.strictObject({ state: z.string(), message: z.string(), since: z.string().nullable() }).nullable(),
    /** Null before the node has told anything of the container. */
    status: z
      .strictObject({
        ready: z.boolean(),
        isRunning: z.boolean(),
        restarts: z.number(),
        lastTermination: z.strictObject({ reason: z.string(), finishedAt: z.string().nullable() }).nullable(),
        /** The node runs it with the sizes of its spec; null when the server does not tell. */
        isActuated: z.boolean().nullable(),
      })
      .nullable(),
    usage: Usage,
    usageProblem: z.string().nullable(),
  }),
);
export type ContainerView = z.infer<typeof ContainerView>;
type Status = NonNullable<ContainerView['status']>;

/** A container and its pod, before a change or after it. */
export const PodView = z.lazy(() =>
  z.strictObject({
    observedAt: z.string(),
    pod: z.enum(['there', 'gone', 'replaced', 'being-deleted']),
    /** Null unless the pod is there. */
    container: ContainerView.nullable(),
  }),
);
export type PodView = z.infer<typeof PodView>;

interface Seen {
  readonly at: string;
  readonly container: ContainerView;
  readonly status: Status;
}

/** Judges a resized container. What was stored in another shape counts as not read. */
export function judgePod(action: ActionProposal, before: JsonObject | undefined, after: JsonObject): Judgement {
  const now = PodView.parse(after);
  const then = before === undefined ? undefined : PodView.safeParse(before).data;
  return { ...findingOf(action, then, now), evidence: evidenceOf(then, now) };
}

function findingOf(action: ActionProposal, then: PodView | undefined, now: PodView): Finding {
  if (now.container === null) {
    const how = {
      gone: 'is gone',
      replaced: 'was replaced by another',
      'being-deleted': 'is being deleted',
      there: '',
    };
    return finding('kept', 'target-gone', `The pod ${how[now.pod]}, and the change with it: there is nothing to undo.`);
  }
  const ended = judgeEnd(now.container);
  if (ended !== undefined) {
    return ended;
  }
  const after = seen(now);
  if (after === undefined) {
    return finding('no-data', 'no-status', 'The node has told nothing of the container yet.');
  }
  const before = then === undefined ? undefined : seen(then);
  const oomKilled = before !== undefined && isOomKill(after.status) && isTerminatedSince(before, after);
  return (
    judgeActuation(after, oomKilled) ??
    (before === undefined
      ? finding('no-data', 'no-before', 'It is not known how the container was before the change.')
      : judgeHealth(action, before, after, oomKilled))
  );
}

function seen({ observedAt, container }: PodView): Seen | undefined {
  return container === null || container.status === null
    ? undefined
    : { at: observedAt, container, status: container.status };
}

/** A pod that has ended, and sizes that are no longer ours: there is nothing that an undo could touch. */
function judgeEnd({ phase, reason, sizes }: ContainerView): Finding | undefined {
  if (phase === 'Succeeded') {
    return finding('kept', 'target-gone', 'The pod has done its work and ended: there is nothing to undo.');
  }
  if (phase === 'Failed') {
    return reason === 'Evicted'
      ? finding('escalate', 'evicted', 'The pod was evicted by its node after the change; an undo comes too late.')
      : finding(
          'escalate',
          'pod-failed',
          `The pod has failed${reason === null ? '' : ` (${reason})`}; an undo comes too late.`,
        );
  }
  return sizes === 'to'
    ? undefined
    : finding('kept', 'changed-since', 'Somebody has changed these sizes since: there is nothing of ours to undo.');
}

/** A resize of another container of the pod may be under way: what counts is whether this one runs with its sizes. */
function judgeActuation({ container: { resize }, status }: Seen, oomKilled: boolean): Finding | undefined {
  if (status.isActuated === true) {
    return undefined;
  }
  if (resize !== null) {
    // A container that is down between two kills is resized at its next start: that is the cure's weakness, not the resize's.
    return resize.state === 'in-progress' && oomKilled && !status.isRunning
      ? undefined
      : finding(
          'undo',
          'resize-not-done',
          `The node has not made the resize: ${resize.state}${resize.message === '' ? '' : ` (${resize.message})`}.`,
        );
  }
  return status.isActuated === false && status.isRunning
    ? finding(
        'undo',
        'resize-not-done',
        'The node still runs the container with other sizes, and says nothing of a resize.',
      )
    : undefined;
}

function judgeHealth(action: ActionProposal, before: Seen, after: Seen, oomKilled: boolean): Finding {
  const changes = changesOf(action);
  const isTrim = changes.some(({ shrinks }) => shrinks);
  if (oomKilled) {
    return judgeOomKill(
      changes.some(({ resource, shrinks }) => resource === 'memory' && shrinks),
      changes.some(({ resource }) => resource === 'memory'),
      isSamePace(paceBefore(before, true), atLeastOne(paceAfter(before, after))),
    );
  }
  if (!isReady(after)) {
    return isReady(before)
      ? finding('undo', 'not-ready', 'The pod was ready before the change and is not now.')
      : finding('escalate', 'still-not-ready', 'The pod is not ready, as before the change: it is not to blame.');
  }
  const sick = judgeRestarts(before, after);
  if (sick !== undefined) {
    return sick;
  }
  const usage = judgeUsage(action, {
    before: before.container.usage,
    after: after.container.usage,
    hasCpuLimit: after.container.hasCpuLimit,
    problem: after.container.usageProblem ?? before.container.usageProblem,
  });
  if (usage !== undefined) {
    return usage;
  }
  if (after.status.isActuated !== true) {
    return finding('no-data', 'not-told', 'It is not told that the node has set the sizes.');
  }
  const well = 'The node has set the sizes; the container is ready and was not restarted since';
  return finding('kept', 'healthy', isTrim ? `${well}, and its use fits them.` : `${well}.`);
}

/** Another kill after a raise is a cure that was too weak; only less memory can bring one about. */
export function judgeOomKill(isMemoryTrim: boolean, isMemory: boolean, isSame: boolean): Finding {
  if (!isMemoryTrim) {
    return isMemory
      ? finding('escalate', 'still-oom-killed', 'It was OOM-killed again: the cure was too weak. The change stays.')
      : finding('escalate', 'oom-killed-apart', 'It was OOM-killed since; a change of CPU is not to blame.');
  }
  return isSame
    ? finding('escalate', 'still-oom-killed', 'It was OOM-killed, as often as before the change: it is not to blame.')
    : finding('undo', 'oom-killed', 'It was OOM-killed after its memory was lowered.');
}

function judgeRestarts(before: Seen, after: Seen): Finding | undefined {
  const expected = after.container.restartsOnResize ? 1 : 0;
  const pace = paceAfter(before, after);
  const restarts = pace.restarts - expected;
  if (restarts <= 0 || !isTerminatedSince(before, after)) {
    return undefined;
  }
  const why = after.status.lastTermination?.reason ?? 'unknown';
  const times = `${String(restarts)} ${restarts === 1 ? 'time' : 'times'} since (last: ${why})`;
  return isSamePace(paceBefore(before, false), { ...pace, restarts })
    ? finding(
        'escalate',
        'still-restarting',
        `The container was restarted ${times}, as often as before: the change is not to blame.`,
      )
    : finding('undo', 'restarted', `The container was restarted ${times}, and not by an OOM kill.`);
}

function isReady({ container, status }: Seen): boolean {
  return container.podReady && status.ready;
}

function isOomKill({ lastTermination }: Status): boolean {
  return lastTermination?.reason === OOM_KILLED;
}

/**
 * Whether the container was terminated after the change. What was seen before may be hours older than the change, which may have
 * waited for an approval: then the server's record of the resize tells.
 */
function isTerminatedSince(before: Seen, after: Seen): boolean {
  const last = after.status.lastTermination;
  // The node forgets dead containers; the count stays.
  if (last === null || last.finishedAt === null) {
    return after.status.restarts > before.status.restarts;
  }
  const changedAt = after.container.changedAt ?? before.at;
  return (
    Date.parse(last.finishedAt) >= Math.floor(Date.parse(changedAt) / 1000) * 1000 &&
    last.finishedAt !== before.status.lastTermination?.finishedAt
  );
}

function paceAfter(before: Seen, after: Seen): Pace {
  return {
    restarts: Math.max(after.status.restarts - before.status.restarts, 0),
    over: secondsBetween(before.at, after.at),
  };
}

/** A container that is down was killed and not yet restarted. */
function atLeastOne({ restarts, over }: Pace): Pace {
  return { restarts: Math.max(restarts, 1), over };
}

/** By the mean since the pod's start, or by the last restart when that is the quicker pace: crash loops begin at some time. */
function paceBefore({ at, container, status }: Seen, oomKills: boolean): Pace {
  const last = status.lastTermination;
  if (last === null || isOomKill(status) !== oomKills) {
    return { restarts: 0, over: 1 };
  }
  const mean = { restarts: status.restarts, over: secondsBetween(container.podStartedAt ?? at, at) };
  const recent = { restarts: 1, over: secondsBetween(last.finishedAt ?? at, at) };
  return mean.restarts * recent.over > recent.restarts * mean.over ? mean : recent;
}

function secondsBetween(start: string, end: string): number {
  return Math.max((Date.parse(end) - Date.parse(start)) / 1000, 0);
}

function evidenceOf(then: PodView | undefined, now: PodView): Evidence {
  const after = now.container;
  const before = then?.container ?? null;
  const usage = after?.usage ?? UNKNOWN_USAGE;
  return {
    pod: now.pod,
    phase: after?.phase ?? null,
    podReason: after?.reason ?? null,
    ready: after === null ? null : after.podReady && after.status?.ready === true,
    readyBefore: before === null ? null : before.podReady && before.status?.ready === true,
    restarts: after?.status?.restarts ?? null,
    restartsBefore: before?.status?.restarts ?? null,
    lastTermination: after?.status?.lastTermination?.reason ?? null,
    lastTerminatedAt: after?.status?.lastTermination?.finishedAt ?? null,
    resize: after?.resize?.state ?? null,
    actuated: after?.status?.isActuated ?? null,
    memoryBytes: usage.memoryBytes,
    cpuCores: usage.cpuCores,
    throttledRatio: usage.throttledRatio,
    throttledRatioBefore: before?.usage.throttledRatio ?? null,
  };
}

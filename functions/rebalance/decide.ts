// From facts to one decision for each container: the rules' findings as actions and escalations. Touches nothing.
import type { ActionProposal } from '../../shared/core/action.ts';
import type { Decision } from '../../shared/core/decision.ts';
import type { Policy } from '../../shared/core/policy.ts';
import { escalationsOf } from './decide-escalation.ts';
import { settleWorkload } from './decide-workload.ts';
import { judge, settle } from './decide-judge.ts';
import type { Settled } from './decide-judge.ts';
import { isWish } from './decide-finding.ts';
import type { SizedWish } from './decide-finding.ts';
import { mergedLabels, worldOf } from './decide-view.ts';
import type { ContainerView, World } from './decide-view.ts';
import type { Change } from './schema-facts.ts';
import { emptyLedger } from './rules/escalate-cannot-fit.ts';
import type { RoomLedger } from './rules/escalate-cannot-fit.ts';
import type { RebalancePolicy } from './schema.ts';
import type { RebalanceFacts, Sizes } from './schema-facts.ts';
import { declaredMemorySize } from './rules/escalate-growth-cap.ts';

/** One decision for each container of a pod that has not ended, in the order of the pods and of their containers. */
export function decide(facts: RebalanceFacts, policy: Policy<RebalancePolicy>): readonly Decision[] {
  const world = worldOf(facts, policy);
  const settled = settleAll(world);
  const escalations = escalationsOf(world, settled);
  return world.views.map((view): Decision => {
    const outcome = settledOf(settled, view);
    const subject = { namespace: facts.namespace, pod: view.pod.name, container: view.container.name };
    switch (outcome.verdict) {
      case 'skip':
        return { subject, verdict: 'skip', reason: outcome.reason };
      case 'escalate': {
        const escalation = escalations.get(view);
        return { subject, verdict: 'escalate', reason: outcome.reason, ...(escalation && { escalation }) };
      }
      case 'act':
        return { subject, verdict: 'act', reason: outcome.wish.reason, action: proposalOf(view, outcome.wish) };
    }
  });
}

function settleAll(world: World): ReadonlyMap<ContainerView, Settled> {
  const ledger = emptyLedger();
  if (world.apply === 'in-place') {
    return new Map(world.views.map((view) => [view, settleAlone(view, ledger)]));
  }
  const byWorkload = Map.groupBy(world.views, (view) => view.workloadKey);
  return new Map(
    [...byWorkload.values()].flatMap((views) =>
      views[0]?.workload === undefined
        ? views.map((view) => [view, settleAlone(view, ledger)] as const)
        : [...settleWorkload(views, ledger)],
    ),
  );
}

function settleAlone(view: ContainerView, ledger: RoomLedger): Settled {
  const finding = judge(view);
  return isWish(finding) ? settle(view, finding, ledger) : finding;
}

function settledOf(settled: ReadonlyMap<ContainerView, Settled>, view: ContainerView): Settled {
  return settled.get(view) ?? settleAlone(view, emptyLedger());
}

function proposalOf(view: ContainerView, { change }: SizedWish): ActionProposal {
  const { facts, apply } = view.world;
  const { workload, pod, container, workloadKey } = view;
  const workloadSize = Math.max(1, workload?.replicas ?? 1);
  const common = {
    from: { requests: written(change.from.requests), limits: written(change.from.limits) },
    to: { requests: written(change.to.requests), limits: written(change.to.limits) },
  };
  const place = { cluster: facts.cluster, namespace: facts.namespace };
  if (apply === 'rollout' && workload !== undefined) {
    return {
      kind: 'cluster.patch-template',
      target: {
        ...place,
        kind: workload.kind,
        name: workload.name,
        uid: workload.uid,
        container: container.name,
        role: container.role,
      },
      ...common,
      guard: {
        names: [workload.name],
        labels: workload.labels,
        workload: workloadKey,
        workloadSize,
        // All of them, in the steps of the workload's own strategy.
        touches: workloadSize,
        ...declaredOf(view, change),
      },
    };
  }
  return {
    kind: 'cluster.resize-container',
    target: { ...place, pod: pod.name, uid: pod.uid, container: container.name, role: container.role },
    ...common,
    guard: {
      names: workload === undefined ? [pod.name] : [pod.name, workload.name],
      labels: mergedLabels(pod.labels, workload?.labels ?? {}),
      workload: workloadKey,
      workloadSize,
      touches: 1,
      part: pod.name,
      ...declaredOf(view, change),
    },
  };
}

function written(sizes: Sizes): Record<string, string> {
  return declaredSizes(sizes, sizes);
}

/** What the workload declares of the sizes that change; the memory limit also where only our own past tells it. */
function declaredOf(view: ContainerView, { to }: Change): Pick<ActionProposal['guard'], 'declared'> {
  const template = view.world.apply === 'in-place' ? view.template : undefined;
  const memory = declaredMemorySize(view);
  const requests = declaredSizes(to.requests, template?.requests ?? {});
  const limits = declaredSizes(to.limits, { ...template?.limits, ...(memory !== undefined && { memory }) });
  return Object.keys(requests).length + Object.keys(limits).length === 0 ? {} : { declared: { requests, limits } };
}

function declaredSizes(changed: Sizes, declared: Sizes): Record<string, string> {
  return Object.fromEntries(
    (['cpu', 'memory'] as const).flatMap((resource) => {
      const size = declared[resource];
      return changed[resource] === undefined || size === undefined ? [] : [[resource, size]];
    }),
  );
}

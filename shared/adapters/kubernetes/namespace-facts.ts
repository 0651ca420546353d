// From the raw messages to the facts of ports/cluster.ts, for what bounds and steers containers: autoscalers, quotas, limit
// ranges and nodes. Pure.
import type { HorizontalAutoscaler, LimitRange, Node, ResourceQuota, VerticalAutoscaler } from '../../ports/cluster.ts';
import { MalformedError } from './message.ts';
import type {
  RawHorizontalPodAutoscaler,
  RawLimitRange,
  RawNode,
  RawResourceQuota,
  RawVerticalPodAutoscaler,
} from './messages.ts';

export function horizontalAutoscalerFacts(raw: RawHorizontalPodAutoscaler): HorizontalAutoscaler {
  const { spec = {} } = raw;
  const resources = (spec.metrics ?? []).flatMap(({ resource, containerResource }) => [
    resource?.name ?? '',
    containerResource?.name ?? '',
  ]);
  return {
    name: nameOf(raw, 'HorizontalPodAutoscaler'),
    target: targetOf(spec.scaleTargetRef),
    minReplicas: spec.minReplicas ?? 1,
    maxReplicas: spec.maxReplicas ?? 0,
    resources: [...new Set(resources)].filter((name) => name !== '').sort(),
  };
}

export function verticalAutoscalerFacts(raw: RawVerticalPodAutoscaler): VerticalAutoscaler {
  const updateMode = raw.spec?.updatePolicy?.updateMode ?? '';
  return {
    name: nameOf(raw, 'VerticalPodAutoscaler'),
    target: targetOf(raw.spec?.targetRef),
    // "The default is 'Auto'": absent means that it writes.
    updateMode: updateMode === '' ? 'Auto' : updateMode,
  };
}

export function resourceQuotaFacts(raw: RawResourceQuota): ResourceQuota {
  const { spec = {}, status = {} } = raw;
  const selected = (spec.scopeSelector?.matchExpressions ?? []).map(({ scopeName = '', operator = '', values = [] }) =>
    values.length === 0 ? `${scopeName} ${operator}` : `${scopeName} ${operator} (${values.join(', ')})`,
  );
  return {
    name: nameOf(raw, 'ResourceQuota'),
    // `status.hard` is what the server enforces; it lags behind `spec.hard` for a moment after a change.
    hard: status.hard ?? spec.hard ?? {},
    used: status.used ?? {},
    scopes: [...(spec.scopes ?? []), ...selected],
  };
}

export function limitRangeFacts(raw: RawLimitRange): LimitRange {
  return {
    name: nameOf(raw, 'LimitRange'),
    items: (raw.spec?.limits ?? []).map((item) => ({
      type: item.type ?? '',
      max: item.max ?? {},
      min: item.min ?? {},
      maxLimitRequestRatio: item.maxLimitRequestRatio ?? {},
    })),
  };
}

export function nodeFacts(raw: RawNode): Node {
  return {
    name: nameOf(raw, 'Node'),
    allocatable: raw.status?.allocatable ?? {},
    unschedulable: raw.spec?.unschedulable ?? false,
  };
}

function nameOf(raw: { readonly metadata?: { readonly name?: string } }, kind: string): string {
  const name = raw.metadata?.name ?? '';
  if (name === '') {
    throw new MalformedError(`a ${kind} has no name`);
  }
  return name;
}

function targetOf(raw: { readonly kind?: string; readonly name?: string } = {}): {
  readonly kind: string;
  readonly name: string;
} {
  return { kind: raw.kind ?? '', name: raw.name ?? '' };
}

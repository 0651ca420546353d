// Actions and views of a container that lives well, for tests of the judges.
import type { ContainerView, PodView } from '../../shared/actions/verify-pod.ts';
import type { ActionProposal } from '../../shared/core/action.ts';

export type StatusView = NonNullable<ContainerView['status']>;

export const raise: ActionProposal = {
  kind: 'cluster.resize-container',
  target: { cluster: 'test', namespace: 'default', pod: 'shop-1', uid: 'uid-1', container: 'app', role: 'main' },
  from: { requests: {}, limits: { memory: '1Gi' } },
  to: { requests: {}, limits: { memory: '1280Mi' } },
  guard: { names: ['shop-1'], labels: {}, workload: 'Deployment/shop', workloadSize: 3, touches: 1 },
};

export const trim: ActionProposal = {
  ...raise,
  from: { requests: { cpu: '500m', memory: '512Mi' }, limits: {} },
  to: { requests: { cpu: '400m', memory: '410Mi' }, limits: {} },
};

export const statusView: StatusView = {
  ready: true,
  isRunning: true,
  restarts: 2,
  lastTermination: null,
  isActuated: true,
};

export const containerView: ContainerView = {
  phase: 'Running',
  reason: null,
  podReady: true,
  podStartedAt: '2026-02-25T10:00:00Z',
  sizes: 'from',
  hasCpuLimit: true,
  restartsOnResize: false,
  changedAt: null,
  resize: null,
  status: statusView,
  usage: { memoryBytes: 100 * 1024 * 1024, cpuCores: 0.1, throttledRatio: 0 },
  usageProblem: null,
};

export function podView(observedAt: string, container: ContainerView): PodView {
  return { observedAt, pod: 'there', container };
}

// Where each kind is served and how it is read.
import * as messages from './messages.ts';
import type { Resource } from './pages.ts';

const CORE = '/api/v1';
const APPS = '/apis/apps/v1';

export const PODS: Resource<typeof messages.POD> = { kind: 'Pod', message: messages.POD, root: CORE, plural: 'pods' };

export const DEPLOYMENTS: Resource<typeof messages.DEPLOYMENT> = {
  kind: 'Deployment',
  message: messages.DEPLOYMENT,
  root: APPS,
  plural: 'deployments',
};

export const STATEFUL_SETS: Resource<typeof messages.STATEFUL_SET> = {
  kind: 'StatefulSet',
  message: messages.STATEFUL_SET,
  root: APPS,
  plural: 'statefulsets',
};

export const DAEMON_SETS: Resource<typeof messages.DAEMON_SET> = {
  kind: 'DaemonSet',
  message: messages.DAEMON_SET,
  root: APPS,
  plural: 'daemonsets',
};

export const HORIZONTAL_POD_AUTOSCALERS: Resource<typeof messages.HORIZONTAL_POD_AUTOSCALER> = {
  kind: 'HorizontalPodAutoscaler',
  message: messages.HORIZONTAL_POD_AUTOSCALER,
  root: '/apis/autoscaling/v2',
  plural: 'horizontalpodautoscalers',
};

export const VERTICAL_AUTOSCALING = '/apis/autoscaling.k8s.io/v1';

export const VERTICAL_POD_AUTOSCALERS: Resource<typeof messages.VERTICAL_POD_AUTOSCALER> = {
  kind: 'VerticalPodAutoscaler',
  message: messages.VERTICAL_POD_AUTOSCALER,
  root: VERTICAL_AUTOSCALING,
  plural: 'verticalpodautoscalers',
  isCustom: true,
};

export const RESOURCE_QUOTAS: Resource<typeof messages.RESOURCE_QUOTA> = {
  kind: 'ResourceQuota',
  message: messages.RESOURCE_QUOTA,
  root: CORE,
  plural: 'resourcequotas',
};

export const LIMIT_RANGES: Resource<typeof messages.LIMIT_RANGE> = {
  kind: 'LimitRange',
  message: messages.LIMIT_RANGE,
  root: CORE,
  plural: 'limitranges',
};

export const NODES: Resource<typeof messages.NODE> = {
  kind: 'Node',
  message: messages.NODE,
  root: CORE,
  plural: 'nodes',
};

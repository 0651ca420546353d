// The part of Kubernetes' API that is read. Field numbers are those of generated.proto in k8s.io/api (core/v1, apps/v1,
// autoscaling/v2) and k8s.io/apimachinery (meta/v1); they never change. To read one more field, name it here.
import { message, type Read } from './message.ts';

const OWNER_REFERENCE = message('OwnerReference', {
  kind: [1, 'string'],
  name: [3, 'string'],
  uid: [4, 'string'],
  controller: [6, 'bool'],
});

const OBJECT_META = message('ObjectMeta', {
  name: [1, 'string'],
  namespace: [3, 'string'],
  uid: [5, 'string'],
  resourceVersion: [6, 'string'],
  generation: [7, 'int'],
  creationTimestamp: [8, 'time'],
  deletionTimestamp: [9, 'time'],
  labels: [11, 'strings'],
  annotations: [12, 'strings'],
  ownerReferences: [13, OWNER_REFERENCE, 'repeated'],
  managedFields: [17, 'resizes'],
});

export const LIST_META = message('ListMeta', {
  resourceVersion: [2, 'string'],
  continue: [3, 'string'],
  remainingItemCount: [4, 'int'],
});

const RESOURCE_REQUIREMENTS = message('ResourceRequirements', {
  limits: [1, 'quantities'],
  requests: [2, 'quantities'],
});

const RESIZE_POLICY = message('ContainerResizePolicy', {
  resourceName: [1, 'string'],
  restartPolicy: [2, 'string'],
});

const CONTAINER = message('Container', {
  name: [1, 'string'],
  resources: [8, RESOURCE_REQUIREMENTS],
  resizePolicy: [23, RESIZE_POLICY, 'repeated'],
  restartPolicy: [24, 'string'],
});

const POD_SPEC = message('PodSpec', {
  containers: [2, CONTAINER, 'repeated'],
  initContainers: [20, CONTAINER, 'repeated'],
  nodeName: [10, 'string'],
  priorityClassName: [24, 'string'],
  overhead: [32, 'quantities'],
  resources: [40, RESOURCE_REQUIREMENTS],
});

const POD_CONDITION = message('PodCondition', {
  type: [1, 'string'],
  status: [2, 'string'],
  lastTransitionTime: [4, 'time'],
  reason: [5, 'string'],
  message: [6, 'string'],
});

const STATE_RUNNING = message('ContainerStateRunning', { startedAt: [1, 'time'] });

const STATE_WAITING = message('ContainerStateWaiting', { reason: [1, 'string'] });

const STATE_TERMINATED = message('ContainerStateTerminated', {
  exitCode: [1, 'int'],
  reason: [3, 'string'],
  startedAt: [5, 'time'],
  finishedAt: [6, 'time'],
});

const CONTAINER_STATE = message('ContainerState', {
  waiting: [1, STATE_WAITING],
  running: [2, STATE_RUNNING],
  terminated: [3, STATE_TERMINATED],
});

const CONTAINER_STATUS = message('ContainerStatus', {
  name: [1, 'string'],
  state: [2, CONTAINER_STATE],
  lastState: [3, CONTAINER_STATE],
  ready: [4, 'bool'],
  restartCount: [5, 'int'],
  resources: [11, RESOURCE_REQUIREMENTS],
});

const POD_STATUS = message('PodStatus', {
  phase: [1, 'string'],
  conditions: [2, POD_CONDITION, 'repeated'],
  reason: [4, 'string'],
  startTime: [7, 'time'],
  containerStatuses: [8, CONTAINER_STATUS, 'repeated'],
  qosClass: [9, 'string'],
  initContainerStatuses: [10, CONTAINER_STATUS, 'repeated'],
  resize: [14, 'string'],
});

export const POD = message('Pod', {
  metadata: [1, OBJECT_META],
  spec: [2, POD_SPEC],
  status: [3, POD_STATUS],
});

const LABEL_SELECTOR = message('LabelSelector', { matchLabels: [1, 'strings'] });

const TEMPLATE_META = message('ObjectMeta', { labels: [11, 'strings'] });

const TEMPLATE_SPEC = message('PodSpec', {
  containers: [2, CONTAINER, 'repeated'],
  initContainers: [20, CONTAINER, 'repeated'],
});

const POD_TEMPLATE = message('PodTemplateSpec', {
  metadata: [1, TEMPLATE_META],
  spec: [2, TEMPLATE_SPEC],
});

const UPDATE_STRATEGY = message('UpdateStrategy', { type: [1, 'string'] });

export const DEPLOYMENT = message('Deployment', {
  metadata: [1, OBJECT_META],
  spec: [
    2,
    message('DeploymentSpec', {
      replicas: [1, 'int'],
      selector: [2, LABEL_SELECTOR],
      template: [3, POD_TEMPLATE],
      strategy: [4, UPDATE_STRATEGY],
      paused: [7, 'bool'],
    }),
  ],
  status: [
    3,
    message('DeploymentStatus', {
      observedGeneration: [1, 'int'],
      updatedReplicas: [3, 'int'],
      availableReplicas: [4, 'int'],
      readyReplicas: [7, 'int'],
    }),
  ],
});

export const STATEFUL_SET = message('StatefulSet', {
  metadata: [1, OBJECT_META],
  spec: [
    2,
    message('StatefulSetSpec', {
      replicas: [1, 'int'],
      selector: [2, LABEL_SELECTOR],
      template: [3, POD_TEMPLATE],
      updateStrategy: [7, UPDATE_STRATEGY],
    }),
  ],
  status: [
    3,
    message('StatefulSetStatus', {
      observedGeneration: [1, 'int'],
      readyReplicas: [3, 'int'],
      updatedReplicas: [5, 'int'],
      currentRevision: [6, 'string'],
      updateRevision: [7, 'string'],
      availableReplicas: [11, 'int'],
    }),
  ],
});

export const DAEMON_SET = message('DaemonSet', {
  metadata: [1, OBJECT_META],
  spec: [
    2,
    message('DaemonSetSpec', {
      selector: [1, LABEL_SELECTOR],
      template: [2, POD_TEMPLATE],
      updateStrategy: [3, UPDATE_STRATEGY],
    }),
  ],
  status: [
    3,
    message('DaemonSetStatus', {
      desiredNumberScheduled: [3, 'int'],
      numberReady: [4, 'int'],
      observedGeneration: [5, 'int'],
      updatedNumberScheduled: [6, 'int'],
      numberAvailable: [7, 'int'],
    }),
  ],
});

const NAME_META = message('ObjectMeta', { name: [1, 'string'] });

const METRIC_SOURCE = message('ResourceMetricSource', { name: [1, 'string'] });

export const HORIZONTAL_POD_AUTOSCALER = message('HorizontalPodAutoscaler', {
  metadata: [1, NAME_META],
  spec: [
    2,
    message('HorizontalPodAutoscalerSpec', {
      scaleTargetRef: [1, message('CrossVersionObjectReference', { kind: [1, 'string'], name: [2, 'string'] })],
      minReplicas: [2, 'int'],
      maxReplicas: [3, 'int'],
      metrics: [
        4,
        message('MetricSpec', {
          type: [1, 'string'],
          resource: [4, METRIC_SOURCE],
          containerResource: [7, METRIC_SOURCE],
        }),
        'repeated',
      ],
    }),
  ],
});

/** A custom resource: the API server speaks only JSON for it, so that the numbers are never used. */
export const VERTICAL_POD_AUTOSCALER = message('VerticalPodAutoscaler', {
  metadata: [1, NAME_META],
  spec: [
    2,
    message('VerticalPodAutoscalerSpec', {
      targetRef: [1, message('CrossVersionObjectReference', { kind: [1, 'string'], name: [2, 'string'] })],
      updatePolicy: [2, message('PodUpdatePolicy', { updateMode: [1, 'string'] })],
    }),
  ],
});

export const RESOURCE_QUOTA = message('ResourceQuota', {
  metadata: [1, NAME_META],
  spec: [
    2,
    message('ResourceQuotaSpec', {
      hard: [1, 'quantities'],
      scopes: [2, 'string', 'repeated'],
      scopeSelector: [
        3,
        message('ScopeSelector', {
          matchExpressions: [
            1,
            message('ScopedResourceSelectorRequirement', {
              scopeName: [1, 'string'],
              operator: [2, 'string'],
              values: [3, 'string', 'repeated'],
            }),
            'repeated',
          ],
        }),
      ],
    }),
  ],
  status: [3, message('ResourceQuotaStatus', { hard: [1, 'quantities'], used: [2, 'quantities'] })],
});

export const LIMIT_RANGE = message('LimitRange', {
  metadata: [1, NAME_META],
  spec: [
    2,
    message('LimitRangeSpec', {
      limits: [
        1,
        message('LimitRangeItem', {
          type: [1, 'string'],
          max: [2, 'quantities'],
          min: [3, 'quantities'],
          maxLimitRequestRatio: [6, 'quantities'],
        }),
        'repeated',
      ],
    }),
  ],
});

export const NODE = message('Node', {
  metadata: [1, NAME_META],
  spec: [2, message('NodeSpec', { unschedulable: [4, 'bool'] })],
  status: [3, message('NodeStatus', { allocatable: [2, 'quantities'] })],
});

/** What the API server answers in place of an object when it refuses. */
export const STATUS = message('Status', {
  metadata: [1, LIST_META],
  message: [3, 'string'],
  reason: [4, 'string'],
  details: [
    5,
    message('StatusDetails', {
      causes: [4, message('StatusCause', { message: [2, 'string'], field: [3, 'string'] }), 'repeated'],
      retryAfterSeconds: [5, 'int'],
    }),
  ],
});

export type RawObjectMeta = Read<typeof OBJECT_META>;
export type RawResources = Read<typeof RESOURCE_REQUIREMENTS>;
export type RawContainer = Read<typeof CONTAINER>;
export type RawContainerStatus = Read<typeof CONTAINER_STATUS>;
export type RawPodStatus = Read<typeof POD_STATUS>;
export type RawPodTemplate = Read<typeof POD_TEMPLATE>;
export type RawPod = Read<typeof POD>;
export type RawDeployment = Read<typeof DEPLOYMENT>;
export type RawStatefulSet = Read<typeof STATEFUL_SET>;
export type RawDaemonSet = Read<typeof DAEMON_SET>;
export type RawHorizontalPodAutoscaler = Read<typeof HORIZONTAL_POD_AUTOSCALER>;
export type RawVerticalPodAutoscaler = Read<typeof VERTICAL_POD_AUTOSCALER>;
export type RawResourceQuota = Read<typeof RESOURCE_QUOTA>;
export type RawLimitRange = Read<typeof LIMIT_RANGE>;
export type RawNode = Read<typeof NODE>;
export type RawStatus = Read<typeof STATUS>;

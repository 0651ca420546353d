// Wiring of the duty `rebalance`: puts its parts together for the runtime and does nothing else.
import { defineDuty } from '../../shared/runtime/duty.ts';
import { decide } from './decide.ts';
import { observe } from './observe.ts';
import { REQUIRED_METRICS } from './queries.ts';
import { problems, report } from './report.ts';
import { RebalancePolicy, RebalanceScope } from './schema.ts';
import { RebalanceFacts } from './schema-facts.ts';

export const duty = defineDuty({
  name: 'rebalance',
  scope: RebalanceScope,
  policy: RebalancePolicy,
  facts: RebalanceFacts,
  actionKinds: ['cluster.resize-container', 'cluster.patch-template'],
  requiredMetrics: REQUIRED_METRICS,
  scopes: (policy) =>
    policy.scopes.flatMap(({ cluster, namespaces }) => namespaces.map((namespace) => ({ cluster, namespace }))),
  observe,
  decide,
  problems,
  report,
});

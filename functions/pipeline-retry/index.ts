// Wiring of the duty `pipeline-retry`: puts its parts together for the runtime and does nothing else.
import { teamCatalogue } from '../../shared/config/team-signatures.ts';
import { explainLog } from '../../shared/core/log/explain.ts';
import { defineDuty } from '../../shared/runtime/duty.ts';
import { decide } from './decide.ts';
import { remember } from './decide-remember.ts';
import { explanationOf } from './explanation.ts';
import { observe } from './observe.ts';
import { problems, report } from './report.ts';
import { PipelineEvent, PipelineRetryPolicy, PipelineRetryScope } from './schema.ts';
import { PipelineRetryFacts } from './schema-facts.ts';

export const duty = defineDuty({
  name: 'pipeline-retry',
  scope: PipelineRetryScope,
  policy: PipelineRetryPolicy,
  facts: PipelineRetryFacts,
  actionKinds: ['ci.rerun'],
  event: PipelineEvent,
  scopes: (_policy, { ci }) => (ci === undefined ? [] : [{ workspace: ci.bitbucket.workspace }]),
  observe: async (input) => {
    const signatures = await teamCatalogue(input.policy.team);
    const events = input.events.map((event) => PipelineEvent.parse(event));
    return observe({ ...input, events }, (log) => explanationOf(explainLog(log, signatures)));
  },
  decide,
  problems,
  report,
  remember,
});

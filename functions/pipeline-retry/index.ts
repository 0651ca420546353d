// Wiring of the duty `pipeline-retry`: puts its parts together for the runtime and does nothing else.
import { readCatalogue } from '../../shared/config/signatures.ts';
import { explainLog } from '../../shared/core/log/explain.ts';
import { defineDuty } from '../../shared/runtime/duty.ts';
import { decide } from './decide.ts';
import { remember } from './decide-remember.ts';
import { explanationOf } from './explanation.ts';
import { observe } from './observe.ts';
import { problems, report } from './report.ts';
import { PipelineEvent, PipelineRetryPolicy, PipelineRetryScope } from './schema.ts';
import { PipelineRetryFacts } from './schema-facts.ts';

/** Read once a process, at the first run: what starts up pays nothing for it. */
let catalogue: ReturnType<typeof readCatalogue> | undefined;

export const duty = defineDuty({
  name: 'pipeline-retry',
  scope: PipelineRetryScope,
  policy: PipelineRetryPolicy,
  facts: PipelineRetryFacts,
  actionKinds: ['ci.rerun'],
  event: PipelineEvent,
  scopes: (_policy, { ci }) => (ci === undefined ? [] : [{ workspace: ci.bitbucket.workspace }]),
  observe: async (input) => {
    catalogue ??= readCatalogue('pipeline-retry');
    const signatures = await catalogue;
    const events = input.events.map((event) => PipelineEvent.parse(event));
    return observe({ ...input, events }, (log) => explanationOf(explainLog(log, signatures)));
  },
  decide,
  problems,
  report,
  remember,
});

// Wiring of the duty `pipeline-report`: puts its parts together for the runtime and does nothing else.
import { teamCatalogue } from '../../shared/config/team-signatures.ts';
import { explainLog } from '../../shared/core/log/explain.ts';
import { defineDuty } from '../../shared/runtime/duty.ts';
import { decide } from './decide.ts';
import { remember } from './decide-remember.ts';
import { failureOf } from './explanation.ts';
import { observe } from './observe.ts';
import { page, problems, report } from './report.ts';
import { PipelineReportPolicy, PipelineReportScope } from './schema.ts';
import { PipelineReportFacts } from './schema-facts.ts';

export const duty = defineDuty({
  name: 'pipeline-report',
  scope: PipelineReportScope,
  policy: PipelineReportPolicy,
  facts: PipelineReportFacts,
  actionKinds: [],
  scopes: (_policy, { ci }) => (ci === undefined ? [] : [{ workspace: ci.bitbucket.workspace }]),
  // Windows of one workspace share its days.
  sharedScope: ({ workspace }) => ({ workspace }),
  observe: async (input) => {
    const signatures = await teamCatalogue(input.policy.team);
    return observe(input, (log, fallback) => failureOf(explainLog(log, signatures), fallback));
  },
  decide,
  problems,
  report,
  remember,
  page,
});

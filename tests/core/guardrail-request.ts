// A request to the guardrails that passes all of them, to be changed in the one point that a test is about.
import type { ActionGuard, ActionProposal } from '../../shared/core/action.ts';
import type { GuardrailInput, RecentChange } from '../../shared/core/guardrail.ts';
import { TeamPolicy } from '../../shared/core/policy.ts';

export const NOW = '2026-11-21T12:00:00.000Z';

export function teamWith(fields: object): TeamPolicy {
  return TeamPolicy.parse({ version: 1, modes: [{ mode: 'auto' }], ...fields });
}

export function proposal(guard: Partial<ActionGuard>): ActionProposal {
  return {
    kind: 'cluster.resize-container',
    target: { pod: 'web-1' },
    from: { memory: '1Gi' },
    to: { memory: '1280Mi' },
    guard: { names: ['web-1'], labels: {}, workload: 'Deployment/web', workloadSize: 10, touches: 1, ...guard },
  };
}

export function change(fields: Partial<RecentChange>): RecentChange {
  return { at: '2026-11-21T11:55:00Z', actionId: 'a', workload: 'Deployment/web', touches: 1, undo: false, ...fields };
}

export function request(fields: Partial<GuardrailInput>): GuardrailInput {
  return {
    action: proposal({}),
    now: NOW,
    scope: { cluster: 'prod', namespace: 'shop' },
    team: teamWith({}),
    recent: [],
    paused: undefined,
    growth: { step: 1.25, total: 1.25 },
    ...fields,
  };
}

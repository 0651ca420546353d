// Who may decide through the chat or over MCP, by policy. Nobody is named: nobody may; the command line and the host's own token are
// not asked here.
import type { GuardrailScope } from './guardrail.ts';
import { matchesPattern } from './pattern.ts';
import type { ApproverRule, TeamPolicy } from './policy.ts';

/** What pausing and resuming are called where policy names action kinds. */
export const PAUSE = 'pause';

/** The first rule that matches an action kind, or `PAUSE`, in a scope. */
export function approversOf(team: TeamPolicy, action: string, scope: GuardrailScope): ApproverRule | undefined {
  return team.approvers.find(
    (rule) =>
      matchesPattern(rule.action, action) &&
      matchesPattern(rule.cluster, scope.cluster) &&
      matchesPattern(rule.namespace, scope.namespace) &&
      matchesPattern(rule.repository, scope.repository ?? ''),
  );
}

/** Whether anybody at all may decide it through the chat: only then are there buttons. */
export function hasApprovers(team: TeamPolicy, action: string, scope: GuardrailScope): boolean {
  const rule = approversOf(team, action, scope);
  return rule !== undefined && rule.users.length + rule.groups.length > 0;
}

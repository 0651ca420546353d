// Which settings a policy cannot do without: told before anything is deployed. Reads no environment.
import type { TeamPolicy } from '../core/policy.ts';
import type { SettingName } from './settings.ts';

export interface NeededSetting {
  readonly name: SettingName;
  /** The part of the policy that asks for it. */
  readonly part: string;
}

/** For all that may run under this policy; a function needs those of its own capabilities. */
export function neededSettings(team: TeamPolicy): readonly NeededSetting[] {
  const { chat, tracker, ci, model, platform } = team;
  const of = (part: string, ...names: SettingName[]): readonly NeededSetting[] => names.map((name) => ({ name, part }));
  return [
    // Behind an MCP server its own credentials count.
    ...(chat === undefined || platform !== undefined ? [] : of('chat.slack', 'SLACK_BOT_TOKEN')),
    ...(tracker === undefined || platform !== undefined ? [] : of('tracker.jira', 'JIRA_EMAIL', 'JIRA_API_TOKEN')),
    ...(ci === undefined ? [] : of('ci.bitbucket', 'BITBUCKET_ACCESS_TOKEN')),
    ...(model === 'none' || model.ollama.url !== undefined ? [] : of('model.ollama without url', 'OLLAMA_URL')),
  ];
}

/** A deployed function is in no cluster and has no home: it reaches one by the policy's gke or by a kubeconfig that it is given. */
export function neededForCluster(team: TeamPolicy, name: string): readonly NeededSetting[] {
  const { gke, context } = team.clusters[name] ?? {};
  if (team.platform !== undefined || gke !== undefined) {
    return [];
  }
  return [
    {
      name: 'KUBECONFIG',
      part: `clusters.${name} without gke${context === undefined ? '' : `, of the context ${context}`}`,
    },
  ];
}

// What the doctor asks of the chat, the tracker and the builds: who are we there, what may we do, does the place that policy names exist.
import type { TeamPolicy } from '../../core/policy.ts';
import type { Ci } from '../../ports/ci.ts';
import type { Chat } from '../../ports/chat.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Tracker } from '../../ports/tracker.ts';
import { derived, failure, ok, once, type Result, skipped, type SystemChecks, warning } from './doctor-check.ts';

/** Nothing carries this marker or fingerprint: looking for it shows that it could be found. */
const NOBODY = 'nightshift-doctor';

export interface ChatToCheck {
  /** Fails where the chat cannot even be set up, such as without a token. */
  readonly chat: () => Chat;
  readonly channel: string;
  /** Scopes that the duties need. */
  readonly scopes: readonly string[];
  readonly clock: Clock;
}

export function chatChecks({ chat, channel, scopes, clock }: ChatToCheck): SystemChecks {
  const identity = once(async () => chat().identity());
  return {
    system: 'Slack',
    first: {
      name: 'token',
      async run() {
        const { user, team } = await identity();
        return [ok(`${user} in ${team}`)];
      },
    },
    others: [
      {
        name: 'scopes',
        run: () => derived(identity, ({ scopes: granted }) => [scopesResult(scopes, granted)]),
      },
      {
        name: 'channel',
        async run() {
          // Reading the history is what the outbox does after a lost reply; a bot that can do it is in the channel.
          await chat().find({ channel, marker: NOBODY, since: clock.now().toISOString() });
          return [ok(`${channel} is there, and the bot is in it`)];
        },
      },
    ],
  };
}

function scopesResult(needed: readonly string[], granted: readonly string[]): Result {
  if (granted.length === 0) {
    return warning(
      'Slack did not tell the scopes of the token',
      `Check that the app has these bot token scopes: ${needed.join(', ')}.`,
    );
  }
  const missing = needed.filter((scope) => !granted.includes(scope));
  return missing.length === 0
    ? ok(`all ${String(needed.length)} that the duties need`)
    : failure(
        `missing: ${missing.join(', ')}`,
        'Add them to the Bot Token Scopes under "OAuth & Permissions" of the Slack app, then install the app again.',
      );
}

export interface TrackerToCheck {
  readonly tracker: () => Tracker;
  readonly jira: NonNullable<TeamPolicy['tracker']>['jira'];
  /** Project permissions that the duties need. */
  readonly permissions: readonly string[];
}

export function trackerChecks({ tracker, jira, permissions }: TrackerToCheck): SystemChecks {
  const identity = once(async () => tracker().identity(jira.project));
  return {
    system: 'Jira',
    first: {
      name: 'account',
      async run() {
        const { user } = await identity();
        return [ok(`${user} at ${jira.url}`)];
      },
    },
    others: [
      {
        name: 'permissions',
        run: () => derived(identity, (known) => [permissionsResult(permissions, known.permissions, jira.project)]),
      },
      {
        name: 'project',
        run: () =>
          identity().then(
            async () => {
              await tracker().findOpen({ project: jira.project, fingerprint: NOBODY });
              return [ok(`issues of ${jira.project} can be searched`)];
            },
            () => [skipped('not known, because of the failure above')],
          ),
      },
    ],
  };
}

function permissionsResult(needed: readonly string[], held: readonly string[], project: string): Result {
  const missing = needed.filter((permission) => !held.includes(permission));
  return missing.length === 0
    ? ok(`all ${String(needed.length)} that the duties need in ${project}`)
    : failure(
        `missing in ${project}: ${missing.join(', ')}`,
        `Give the account a role in ${project} whose permission scheme grants them (project settings, Access).`,
      );
}

export interface CiToCheck {
  readonly ci: () => Ci;
  readonly bitbucket: NonNullable<TeamPolicy['ci']>['bitbucket'];
  /** Scopes of the access token that the duties need. */
  readonly scopes: readonly string[];
  readonly clock: Clock;
}

/** Four requests at most: the doctor spends of the same hour as the duties. */
export function ciChecks({ ci, bitbucket, scopes, clock }: CiToCheck): SystemChecks {
  const identity = once(async () => ci().identity());
  const watched = once(async () => ci().prioritised('urgent').repositories());
  return {
    system: 'Bitbucket',
    first: {
      name: 'token',
      async run() {
        const { workspace, credential } = await identity();
        return [ok(`${credential.replaceAll('_', ' ')} for ${workspace}`)];
      },
    },
    others: [
      { name: 'scopes', run: () => derived(identity, ({ scopes: granted }) => [ciScopesResult(scopes, granted)]) },
      { name: 'repositories', run: async () => [repositoriesResult((await watched()).length, bitbucket)] },
      {
        name: 'pipelines',
        run: () =>
          watched().then(
            async ([first]) => {
              if (first === undefined) {
                return [skipped('not known, because no repository is watched')];
              }
              const { slug: repository } = first;
              const since = clock.now().toISOString();
              await ci().prioritised('urgent').pipelines({ repository, since, pageSize: 1 });
              return [ok(`those of ${repository} can be listed`)];
            },
            () => [skipped('not known, because of the failure above')],
          ),
      },
    ],
  };
}

/** Scopes that come with others, as Bitbucket documents them; `pipeline:write` brings none. */
const INCLUDED: Readonly<Record<string, readonly string[]>> = {
  'repository:write': ['repository'],
  pullrequest: ['repository'],
  'pullrequest:write': ['pullrequest', 'repository:write', 'repository'],
  project: ['repository'],
};

/** Bitbucket tells the scopes with each reply. */
function ciScopesResult(needed: readonly string[], granted: readonly string[]): Result {
  if (granted.length === 0) {
    return warning(
      'Bitbucket did not tell the scopes of the token',
      `Check that the access token has these scopes: ${needed.join(', ')}.`,
    );
  }
  const held = new Set(granted.flatMap((scope) => [scope, ...(INCLUDED[scope] ?? [])]));
  const missing = needed.filter((scope) => !held.has(scope));
  return missing.length === 0
    ? ok(`all ${String(needed.length)} that the duties need`)
    : failure(
        `missing: ${missing.join(', ')}`,
        'Scopes of an access token cannot be changed: make a new one with them (settings of the workspace or repository, Access tokens) and set BITBUCKET_ACCESS_TOKEN.',
      );
}

function repositoriesResult(count: number, { repositories }: CiToCheck['bitbucket']): Result {
  return count > 0
    ? ok(`${String(count)} ${count === 1 ? 'is' : 'are'} watched`)
    : failure(
        repositories.length === 0 ? 'the token sees none' : `none fits ${repositories.join(', ')}`,
        'Check ci.bitbucket.repositories in the policy, and that the token is of the workspace and not of one other repository.',
      );
}

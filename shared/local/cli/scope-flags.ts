// Scopes as people type them: `--scope cluster=prod namespace=shop`, with commas, as JSON, or by a flag for each name. The same for every
// command and duty; which fields a duty has is the duty's own schema.
import { z } from 'zod';
import { CallerError } from '../../core/errors.ts';
import type { JsonObject } from '../../core/json.ts';

const EXAMPLE = '--scope cluster=prod namespace=shop';

/** `field=value` pairs, by themselves or with commas between them. Fails with a CallerError for anything else. */
export function scopePairs(words: readonly string[]): Record<string, string> {
  const pairs = words.flatMap((word) => word.split(',')).map((pair) => pair.trim());
  return Object.fromEntries(
    pairs.map((pair) => {
      const equals = pair.indexOf('=');
      if (equals < 1 || equals === pair.length - 1) {
        throw new CallerError(`${JSON.stringify(pair)} is no field of a scope.`, {
          field: '--scope',
          remedy: `Write it as in ${EXAMPLE}, or cluster=prod,namespace=shop; \`nightshift runs\` shows the scopes.`,
        });
      }
      return [pair.slice(0, equals).trim(), pair.slice(equals + 1).trim()];
    }),
  );
}

export interface ScopeFlags {
  readonly scope?: readonly string[];
  readonly cluster?: string;
  readonly namespace?: string;
  readonly workspace?: string;
  readonly repository?: string;
}

/** What the policy knows only one of need not be typed. */
export interface ScopeChoices {
  readonly clusters: readonly string[];
  readonly workspace: string | undefined;
}

/** The scope that the flags name for a duty with that schema; undefined means the scopes of the policy. */
export function namedScope(flags: ScopeFlags, schema: z.ZodType, choices: ScopeChoices): JsonObject | undefined {
  const { scope = [], namespace, workspace, repository, cluster } = flags;
  const [only = ''] = scope;
  if (scope.length === 1 && only.trimStart().startsWith('{')) {
    return parsedJson(only);
  }
  const names = { namespace, workspace, repository };
  const typed: JsonObject = {
    ...scopePairs(scope),
    ...Object.fromEntries(
      Object.entries(names).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
    ),
  };
  if (Object.keys(typed).length === 0) {
    // --cluster alone says which cluster the other flags are about.
    return undefined;
  }
  const fields = fieldsOf(schema);
  const unknown = Object.keys(typed).find((name) => !fields.includes(name));
  if (unknown !== undefined) {
    throw new CallerError(`The scope of this duty has no ${unknown}.`, {
      field: flags.scope?.some((word) => word.includes(`${unknown}=`)) === true ? '--scope' : `--${unknown}`,
      remedy: `It has ${fields.join(', ')}.`,
    });
  }
  return {
    ...(fields.includes('cluster') && typed['cluster'] === undefined ? { cluster: oneCluster(cluster, choices) } : {}),
    ...(fields.includes('workspace') && choices.workspace !== undefined ? { workspace: choices.workspace } : {}),
    ...typed,
  };
}

function parsedJson(text: string): JsonObject {
  try {
    return JSON.parse(text) as JsonObject;
  } catch {
    throw new CallerError('--scope is neither JSON nor fields.', {
      field: '--scope',
      remedy: `${EXAMPLE}, or --scope '{"cluster":"prod","namespace":"shop"}'`,
    });
  }
}

function oneCluster(named: string | undefined, { clusters }: ScopeChoices): string {
  const cluster = named ?? (clusters.length === 1 ? clusters[0] : undefined);
  if (cluster === undefined) {
    throw new CallerError(
      clusters.length === 0 ? 'The policy has no cluster.' : 'The policy has several clusters: which one?',
      {
        field: '--cluster',
        remedy: clusters.length === 0 ? 'Add one under clusters.' : `--cluster ${clusters.join(' | ')}`,
      },
    );
  }
  return cluster;
}

function fieldsOf(schema: z.ZodType): readonly string[] {
  const { properties } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return Object.keys(properties ?? {});
}

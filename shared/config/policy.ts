// The policy file: the team's part and each duty's part, checked as one, with every mistake by line and column.
// Secrets never stand in it. What the fields mean is written in core/policy.ts and in the duties' schemas.
import { z } from 'zod';
import { CallerError } from '../core/errors.ts';
import { TeamPolicy } from '../core/policy.ts';
import { checkSelector } from '../core/promql.ts';
import { closest } from './closest.ts';
import { checkedValue, valueAt } from './problems.ts';
import type { Mistake } from './problems.ts';
import { isPlainHttpUrl } from './settings.ts';
import { FileError, parseYaml } from './yaml-source.ts';
import type { FieldPath } from './yaml-source.ts';

/** Duty name to the schema of its part; `{}` must give that part's defaults. */
export type DutySchemas = Readonly<Record<string, z.ZodType>>;

export interface LoadedPolicy {
  readonly team: TeamPolicy;
  /** Duty name to its part, with defaults filled in. */
  readonly duties: Readonly<Record<string, unknown>>;
  /** What is allowed and looks like a mistake, each a sentence. */
  readonly warnings: readonly string[];
}

const REMEDY =
  'Correct the file; `nightshift policy schema` writes a JSON Schema with which an editor completes and checks it.';

/**
 * Reads the policy from the text of the file `source`. Fails with a FileError (a ConfigurationError) that lists all
 * problems. `now` is what windows and known issues are held against for the warnings. A deployed function knows its own
 * duty only, and ignores the parts of others; everywhere else a part of an unknown duty is a mistake.
 */
export function loadPolicy(
  text: string,
  source: string,
  duties: DutySchemas,
  now: Date = new Date(),
  others: 'refused' | 'ignored' = 'refused',
): LoadedPolicy {
  const file = parseYaml(text, source, REMEDY);
  const schema = policyFile(duties, others);
  const checked = checkedValue(schema, file, source, { remedy: REMEDY, more: contradictions(file.value) });
  const { duties: parts, ...team } = checked;
  return { team, duties: parts, warnings: [...warningsFor(team, now), ...chatWarnings(team, parts)] };
}

/** JSON Schema (draft 7, which editors know best) of the policy file, with descriptions and defaults. */
export function policySchema(duties: DutySchemas): object {
  const schema = z.toJSONSchema(policyFile(duties), { io: 'input', target: 'draft-7', unrepresentable: 'any' });
  return { ...schema, title: 'Nightshift policy' };
}

export interface DryRunInput {
  readonly cluster: string;
  readonly namespace: string;
  /** Context of the kubeconfig; the current one when absent. */
  readonly context?: string;
  readonly metricsUrl: string;
  /** Label matchers that pick this cluster's series. */
  readonly selector?: string;
}

/** The defaults for a dry run without a file. Fails with a CallerError that names the flag when an input is wrong. */
export function policyForDryRun(input: DryRunInput, duties: DutySchemas): LoadedPolicy {
  const { cluster, namespace, context, metricsUrl, selector = '' } = input;
  const scoped = { scopes: [{ cluster, namespaces: [namespace] }] };
  const value = {
    version: 1,
    clusters: { [cluster]: { ...(context === undefined ? {} : { context }), metrics: { url: metricsUrl, selector } } },
    // Duties over namespaces spell their scopes like this; the others take their defaults.
    duties: Object.fromEntries(
      Object.entries(duties).map(([name, schema]) => [name, schema.safeParse(scoped).success ? scoped : {}]),
    ),
  };
  try {
    return loadPolicy(JSON.stringify(value), 'the flags', duties);
  } catch (error) {
    throw error instanceof FileError ? wrongFlag(error) : error;
  }
}

const FLAGS: Readonly<Record<string, string>> = {
  url: '--metrics-url',
  selector: '--metrics-selector',
  context: '--context',
};

function wrongFlag(error: FileError): CallerError {
  const [problem] = error.problems;
  const flag = FLAGS[String(problem?.path.at(-1))] ?? '--cluster or --namespace';
  return new CallerError(`${flag}: ${problem?.message ?? error.message}.`, { field: flag, cause: error });
}

interface PolicyFile extends TeamPolicy {
  readonly duties: Readonly<Record<string, unknown>>;
}

function policyFile(duties: DutySchemas, others: 'refused' | 'ignored' = 'refused'): z.ZodType<PolicyFile> {
  const parts = Object.fromEntries(Object.entries(duties).map(([name, schema]) => [name, schema.prefault({})]));
  return TeamPolicy.extend({
    duties: (others === 'refused' ? z.strictObject(parts) : z.looseObject(parts)).prefault({}),
  });
}

/** What a schema cannot see: parts that name each other, addresses that would leak or fail, selectors that are no selectors. */
function contradictions(value: unknown): readonly Mistake[] {
  const clusters = membersAt(value, ['clusters']);
  return [
    ...clusters.flatMap(([name]) => metricsMistakes(value, ['clusters', name, 'metrics'])),
    ...addressMistakes(value, ['tracker', 'jira', 'url']),
    ...addressMistakes(value, ['model', 'ollama', 'url']),
    ...addressMistakes(value, ['platform', 'mcp', 'url']),
    ...doubledGrants(value),
    ...membersAt(value, ['duties']).flatMap(([duty]) => chatMistakes(value, ['duties', duty, 'tell'])),
    ...membersAt(value, ['duties']).flatMap(([duty]) =>
      scopeMistakes(
        value,
        ['duties', duty, 'scopes'],
        clusters.map(([name]) => name),
      ),
    ),
  ];
}

function metricsMistakes(value: unknown, path: FieldPath): readonly Mistake[] {
  const selectorPath = [...path, 'selector'];
  const selector = valueAt(value, selectorPath);
  const why = typeof selector === 'string' ? checkSelector(selector) : undefined;
  const wrong =
    why === undefined ? [] : [mistake(selectorPath, `expected label matchers such as cluster="prod": ${why}`)];
  const hasSource = [
    [...path, 'url'],
    [...path, 'mcp'],
    ['platform', 'mcp'],
  ].some((at) => valueAt(value, at) !== undefined);
  const isThere = typeof valueAt(value, path) === 'object' && valueAt(value, path) !== null;
  const missing =
    hasSource || !isThere
      ? []
      : [mistake(path, 'expected url, the address of VictoriaMetrics or Prometheus (or mcp, or platform.mcp)')];
  return [
    ...missing,
    ...addressMistakes(value, [...path, 'url']),
    ...addressMistakes(value, [...path, 'mcp', 'url']),
    ...wrong,
  ];
}

/** The journal names callers by them. */
function doubledGrants(value: unknown): readonly Mistake[] {
  const grants = valueAt(value, ['mcp', 'grants']);
  const names = (Array.isArray(grants) ? grants : []).map((_, index) =>
    valueAt(value, ['mcp', 'grants', index, 'name']),
  );
  return names.flatMap((name, index) =>
    typeof name === 'string' && names.indexOf(name) < index
      ? [mistake(['mcp', 'grants', index, 'name'], `expected a name of its own, got ${JSON.stringify(name)} again`)]
      : [],
  );
}

function addressMistakes(value: unknown, path: FieldPath): readonly Mistake[] {
  const url = valueAt(value, path);
  if (typeof url !== 'string' || isPlainHttpUrl(url)) {
    return [];
  }
  // The value is not repeated: it may hold a password.
  return [
    mistake(path, 'expected an http:// or https:// address without user or password (those belong in the environment)'),
  ];
}

function scopeMistakes(value: unknown, path: FieldPath, clusters: readonly string[]): readonly Mistake[] {
  const scopes = valueAt(value, path);
  return (Array.isArray(scopes) ? scopes : []).flatMap((_, index) => {
    const clusterPath = [...path, index, 'cluster'];
    const cluster = valueAt(value, clusterPath);
    if (typeof cluster !== 'string' || clusters.includes(cluster)) {
      return [];
    }
    const meant = closest(cluster, clusters);
    const known = clusters.length === 0 ? 'there are none' : `there are ${clusters.join(', ')}`;
    const hint = meant === undefined ? known : `did you mean ${meant}?`;
    return [
      mistake(clusterPath, `expected a cluster of clusters, got ${JSON.stringify(cluster.slice(0, 60))}; ${hint}`),
    ];
  });
}

/** Who writes that something is told in the chat waits for it there: without a chat it would be told nowhere, and nobody would notice. */
function chatMistakes(value: unknown, path: FieldPath): readonly Mistake[] {
  if (valueAt(value, ['chat', 'slack']) !== undefined) {
    return [];
  }
  return membersAt(value, path).flatMap(([what, places]) =>
    (Array.isArray(places) ? places : []).flatMap((place, index) =>
      place === 'chat'
        ? [mistake([...path, what, index], 'expected another place, or chat.slack in the policy: it has no chat')]
        : [],
    ),
  );
}

/** The same where nobody wrote it: a default falls back to the other places that it names. */
function chatWarnings(team: TeamPolicy, parts: Readonly<Record<string, unknown>>): readonly string[] {
  if (team.chat !== undefined || team.ci === undefined) {
    return [];
  }
  return Object.keys(parts).flatMap((duty) =>
    membersAt(parts, [duty, 'tell']).flatMap(([what, places]) => {
      const others = (Array.isArray(places) ? places : []).map(String).filter((place) => place !== 'chat');
      return Array.isArray(places) && places.length > others.length
        ? [
            `duties.${duty}.tell.${what}: without chat.slack, nothing is told in a chat; it is told by ${others.join(' and ')} alone.`,
          ]
        : [];
    }),
  );
}

function mistake(path: FieldPath, message: string): Mistake {
  return { path, part: 'value', message };
}

function membersAt(value: unknown, path: FieldPath): readonly (readonly [string, unknown])[] {
  const members = valueAt(value, path);
  return members !== null && typeof members === 'object' && !Array.isArray(members) ? Object.entries(members) : [];
}

function warningsFor(team: TeamPolicy, now: Date): readonly string[] {
  const isPast = (time: string | undefined): boolean => time !== undefined && Date.parse(time) <= now.getTime();
  const clusters = Object.keys(team.clusters);
  return [
    ...team.knownIssues
      .filter((issue) => isPast(issue.until))
      .map(
        (issue) =>
          `The known issue ${issue.id} ended at ${String(issue.until)} and no longer holds; take it out or set a later time.`,
      ),
    ...team.windows
      .filter((window) => isPast(window.end))
      .map((window) => `The window ${window.name} ended at ${String(window.end)}; take it out.`),
    ...[
      ...team.modes.map((rule) => ({ what: 'A mode', ...rule })),
      ...team.windows.map((window) => ({ what: `The window ${window.name}`, ...window })),
    ]
      .filter(({ cluster }) => !cluster.includes('*') && !clusters.includes(cluster))
      .map(
        ({ what, cluster }) => `${what} names the cluster ${cluster}, which is not among clusters: it never applies.`,
      ),
  ];
}

// The tokens and variables that the policy points at by name: with environment.ts and settings.ts the only reader of the environment.
// A secret never stands in the policy, and its value is never shown.
import { readFileSync } from 'node:fs';
import { ConfigurationError, describeError } from '../core/errors.ts';
import type { TeamPolicy } from '../core/policy.ts';

interface TokenReference {
  readonly tokenEnv?: string | undefined;
  readonly tokenFile?: string | undefined;
}

type Variables = Readonly<Record<string, string | undefined>>;

const SHORTEST_TOKEN = 16;

/** The token of a part of the policy (`field`, such as `mcp.grants[0]`); undefined when it names none. */
export function tokenOf(
  reference: TokenReference,
  field: string,
  variables: Variables = process.env,
): string | undefined {
  const { tokenEnv, tokenFile } = reference;
  if (tokenEnv !== undefined) {
    return checked(variables[tokenEnv]?.trim(), `${field}.tokenEnv`, `The variable ${tokenEnv}`);
  }
  if (tokenFile === undefined) {
    return undefined;
  }
  try {
    return checked(readFileSync(tokenFile, 'utf8').trim(), `${field}.tokenFile`, `The file ${tokenFile}`);
  } catch (error) {
    if (error instanceof ConfigurationError) {
      throw error;
    }
    throw new ConfigurationError(`${field}.tokenFile: ${tokenFile} cannot be read (${describeError(error)}).`, {
      remedy: 'Check the path and the rights of the file.',
    });
  }
}

function checked(token: string | undefined, field: string, what: string): string {
  if (token === undefined || token === '') {
    throw new ConfigurationError(`${field}: ${what} is not set.`, {
      remedy: 'Put a bearer token there, such as the output of: openssl rand -hex 24.',
    });
  }
  if (!/^[A-Za-z0-9._~+/=-]+$/.test(token) || token.length < SHORTEST_TOKEN) {
    throw new ConfigurationError(
      `${field}: ${what} holds no bearer token: at least ${String(SHORTEST_TOKEN)} characters of A-Z a-z 0-9 . _ ~ + / = - were expected.`,
      { remedy: 'Take the output of: openssl rand -hex 24.' },
    );
  }
  return token;
}

/** Variables by name, for a process that we start; one that is not set is left out. */
export function variablesOf(names: readonly string[], variables: Variables = process.env): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = variables[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

/** The values behind the policy that must not leave the process, for core/mask.ts. What is not there is nobody's secret. */
export function policySecrets(team: TeamPolicy, variables: Variables = process.env): readonly string[] {
  const sources = Object.values(team.clusters).flatMap(({ metrics }) =>
    metrics.mcp === undefined ? [] : [metrics.mcp],
  );
  const servers = [...sources, ...(team.platform === undefined ? [] : [team.platform.mcp])];
  const tokens = [...(team.mcp?.grants ?? []), ...servers].flatMap((reference) => tokenIfThere(reference, variables));
  // Only what is called a secret: the value of a variable such as HOME is a word that text is full of.
  const handedOn = servers.flatMap(({ env }) => env.filter((name) => /TOKEN|SECRET|PASSWORD|KEY/i.test(name)));
  return [...tokens, ...Object.values(variablesOf(handedOn, variables))];
}

function tokenIfThere(reference: TokenReference, variables: Variables): readonly string[] {
  try {
    const token = tokenOf(reference, '', variables);
    return token === undefined ? [] : [token];
  } catch (error) {
    if (error instanceof ConfigurationError) {
      // Whoever needs it tells what is wrong with it.
      return [];
    }
    throw error;
  }
}

// Environment and policy made into something that runs duties: the same for a function, the one-process host, the CLI and the tests.
import { readFile } from 'node:fs/promises';
import { ACTION_KINDS } from '../actions/kinds.ts';
import type { Environment } from '../config/environment.ts';
import { type LoadedPolicy, loadPolicy } from '../config/policy.ts';
import { withSignatures } from '../config/team-signatures.ts';
import { policySecrets } from '../config/policy-secrets.ts';
import { PAUSE } from '../core/approver.ts';
import { ConfigurationError } from '../core/errors.ts';
import { secretMasker } from '../core/mask.ts';
import { matchesPattern } from '../core/pattern.ts';
import type { Clock, Ids } from '../ports/clock.ts';
import type { Store } from '../ports/store.ts';
import type { Surroundings } from '../runtime/context.ts';
import type { Duty } from '../runtime/duty.ts';
import type { DutyManifest, ReadyDuty } from '../runtime/http.ts';
import { createLogger } from '../runtime/log.ts';
import { connectPorts } from './ports.ts';
import { EVENT_HANDLERS, sendersOf } from './events.ts';

export interface SystemInput {
  readonly environment: Environment;
  readonly policy: LoadedPolicy;
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly random: () => number;
  /** Takes finished log lines. */
  readonly write: (line: string) => void;
  readonly isStopping?: () => boolean;
  /** Of the function's own function.yaml; every system of the policy is connected when absent. */
  readonly capabilities?: readonly string[];
  /** For every call outside, in place of each adapter's own. */
  readonly deadlineSeconds?: number;
}

export interface System {
  readonly surroundings: Surroundings;
  /** Ends what the ports keep open; the store is not theirs. */
  close(): Promise<void>;
  ready(found: { readonly duty: Duty; readonly manifest: DutyManifest }): ReadyDuty;
}

export function createSystem(input: SystemInput): System {
  const { environment, policy } = input;
  const mask = secretMasker([...environment.secrets, ...policySecrets(policy.team)]);
  const log = createLogger({ level: environment.logLevel, mask, write: input.write });
  const connected = connectPorts({ ...input, team: policy.team });
  const surroundings: Surroundings = {
    ports: connected.ports,
    kinds: ACTION_KINDS,
    team: policy.team,
    log,
    mask,
    senders: sendersOf(environment),
    handlers: EVENT_HANDLERS,
    ...(environment.pubsubProject === undefined ? {} : { project: environment.pubsubProject }),
    ...(input.isStopping === undefined ? {} : { isStopping: input.isStopping }),
  };
  return {
    surroundings,
    close: () => connected.close(),
    ready: ({ duty, manifest }) => ({
      duty,
      manifest,
      surroundings: manifest.code === undefined ? surroundings : { ...surroundings, code: manifest.code },
      policy: { team: policy.team, duty: policy.duties[duty.name] },
    }),
  };
}

/** Reads and checks the policy file for the given duties; `others` says what parts of other duties are. */
export async function policyOf(
  file: string | undefined,
  duties: readonly Duty[],
  others: 'refused' | 'ignored' = 'refused',
): Promise<LoadedPolicy> {
  if (file === undefined) {
    throw new ConfigurationError('There is no policy: NIGHTSHIFT_POLICY is not set.', {
      remedy: 'Set it to the path of the policy file; `nightshift init` writes one.',
    });
  }
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new ConfigurationError(`The policy ${file} cannot be read.`, {
      remedy: 'Check the path (NIGHTSHIFT_POLICY, --policy) and the rights of the file; `nightshift init` writes one.',
      cause: error,
    });
  }
  const schemas = Object.fromEntries(duties.map((duty) => [duty.name, duty.policy]));
  const policy = await withSignatures(loadPolicy(text, file, schemas, new Date(), others), text, file);
  checkModes(policy, file);
  return policy;
}

/** A mode for an action kind that does not exist is a mistake that opens what it was to close: the next rule applies instead. */
function checkModes(policy: LoadedPolicy, file: string): void {
  checkKinds(file, 'modes', policy.team.modes, [...ACTION_KINDS.keys()]);
  checkKinds(file, 'approvers', policy.team.approvers, [...ACTION_KINDS.keys(), PAUSE]);
}

function checkKinds(
  file: string,
  part: 'modes' | 'approvers',
  rules: readonly { readonly action: string }[],
  kinds: readonly string[],
): void {
  for (const [index, { action }] of rules.entries()) {
    if (kinds.every((kind) => !matchesPattern(action, kind))) {
      throw new ConfigurationError(
        `${file}: ${part}[${String(index)}].action: ${JSON.stringify(action)} is no action kind.`,
        {
          remedy: `Action kinds: ${kinds.join(', ')}; * stands for any characters.`,
        },
      );
    }
  }
}

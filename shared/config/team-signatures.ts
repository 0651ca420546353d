// The signatures that a policy names or holds, read, proven and held against the shipped ones; and the catalogue that they make with
// those. What a signature file may say is signatures.ts' business.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { ConfigurationError, describeError } from '../core/errors.ts';
import type { Catalogue, SignatureFile } from '../core/log/signature.ts';
import type { TeamPolicy } from '../core/policy.ts';
import { loadPolicy, type LoadedPolicy } from './policy.ts';
import { nameMistakes, readCatalogue, sampleMistakes, shippedNames, teamFile } from './signatures.ts';
import { FileError, type FieldPath, parseYaml } from './yaml-source.ts';

/** The duty whose signatures all that explain logs go by. */
const DUTY = 'pipeline-retry';
const REMEDY = 'Correct the signatures; `nightshift signature test <file>` checks a file of them by itself.';
const AT = ['ci', 'signatures'] as const;

/**
 * The policy with the content of the files that `ci.signatures` names, from beside the policy file `source`, in place of their names.
 * Fails with a FileError for what cannot be read, does not do what its examples say, or bears the name of a shipped signature.
 */
export async function withSignatures(policy: LoadedPolicy, text: string, source: string): Promise<LoadedPolicy> {
  const { ci } = policy.team;
  if (ci === undefined || ci.signatures.length === 0) {
    return policy;
  }
  const shipped = await shippedNames(DUTY);
  const own = new Map<string, string>();
  const files: SignatureFile[] = [];
  for (const [index, one] of ci.signatures.entries()) {
    const at = [...AT, index];
    const file =
      typeof one === 'string'
        ? await fileBeside(source, one, own, (message) => problems(text, source, [{ path: at, message }]))
        : inline(one, at, shipped, own, (mistakes) => problems(text, source, mistakes));
    for (const { id } of file.signatures) {
      own.set(`${file.category}/${id}`, typeof one === 'string' ? one : `ci.signatures[${String(index)}]`);
    }
    files.push(file);
  }
  return { ...policy, team: { ...policy.team, ci: { ...ci, signatures: files } } };
}

interface Mistake {
  readonly path: FieldPath;
  readonly message: string;
}

function problems(text: string, source: string, mistakes: readonly Mistake[]): FileError {
  const yaml = parseYaml(text, source, REMEDY);
  return new FileError(
    source,
    mistakes.map((mistake) => ({ ...yaml.position(mistake.path, 'value'), ...mistake })),
    REMEDY,
  );
}

async function fileBeside(
  source: string,
  name: string,
  own: ReadonlyMap<string, string>,
  fail: (message: string) => FileError,
): Promise<SignatureFile> {
  const file = path.resolve(path.dirname(source), name);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw fail(
      `expected a file of signatures beside the policy, got ${JSON.stringify(name)}, which cannot be read: ${describeError(error)}; a policy that is mounted alone holds its signatures itself`,
    );
  }
  return teamFile(text, file, DUTY, own);
}

function inline(
  file: SignatureFile,
  at: FieldPath,
  shipped: ReadonlyMap<string, string>,
  own: ReadonlyMap<string, string>,
  fail: (mistakes: readonly Mistake[]) => FileError,
): SignatureFile {
  const mistakes = [...sampleMistakes(file), ...nameMistakes(file, shipped, own)];
  if (mistakes.length > 0) {
    throw fail(mistakes.map(({ path: inside, message }) => ({ path: [...at, ...inside], message })));
  }
  return file;
}

/** The team's own signatures of a policy that `withSignatures` went over. */
export function signaturesOf(team: Pick<TeamPolicy, 'ci'>): readonly SignatureFile[] {
  return (team.ci?.signatures ?? []).map((one) => {
    if (typeof one === 'string') {
      throw new ConfigurationError(`The signatures in ${one} were not read with the policy.`, {
        remedy: 'Hold them in ci.signatures itself.',
      });
    }
    return one;
  });
}

/** The same from a policy file alone, for what needs nothing else of it. */
export async function policySignatures(file: string): Promise<readonly SignatureFile[]> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new ConfigurationError(`The policy ${file} cannot be read: ${describeError(error)}.`, {
      remedy: 'Check the path and the rights of the file.',
      cause: error,
    });
  }
  const policy = await withSignatures(loadPolicy(text, file, {}, new Date(), 'ignored'), text, file);
  return signaturesOf(policy.team);
}

/** The last catalogue that was made, and of what: a process that starts up pays nothing, and one with one policy pays once. */
let made: { readonly own: TeamPolicy['ci']; readonly catalogue: Promise<Catalogue> } | undefined;

/** The shipped signatures with the team's own. */
export function teamCatalogue(team: Pick<TeamPolicy, 'ci'>): Promise<Catalogue> {
  const own = team.ci?.signatures.length === 0 ? undefined : team.ci;
  if (made === undefined || made.own !== own) {
    made = { own, catalogue: readCatalogue(DUTY, signaturesOf(team)) };
  }
  return made.catalogue;
}

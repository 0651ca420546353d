// Reads files of signatures: the ones that a duty ships in functions/<duty>/signatures, and a team's own. The only reader; what a
// signature means is core's business (core/log/signature.ts).
import { readFile } from 'node:fs/promises';
import { compileCatalogue, failingSamples, SignatureFile } from '../core/log/signature.ts';
import type { Catalogue } from '../core/log/signature.ts';
import { CallerError, describeError } from '../core/errors.ts';
import { checkedValue } from './problems.ts';
import { shippedSignatureFiles } from './shipped-signatures.ts';
import { FileError, parseYaml } from './yaml-source.ts';
import type { FieldPath, FileProblem } from './yaml-source.ts';

const REMEDY = 'Correct the file; CONTRIBUTING.md, "Add a signature", explains the fields.';

/** The signatures in the text of the file `source`. Fails with a FileError that lists all mistakes by line and field. */
export function parseSignatures(text: string, source: string): SignatureFile {
  return checkedValue(SignatureFile, parseYaml(text, source, REMEDY), source, { remedy: REMEDY });
}

/** As parseSignatures, and each example must be matched and no near-miss may be: those that fail are mistakes of the file too. */
export function provenSignatures(text: string, source: string): SignatureFile {
  return provenFile(text, source, () => []);
}

function provenFile(
  text: string,
  source: string,
  more: (file: SignatureFile) => readonly SignatureMistake[],
): SignatureFile {
  const yaml = parseYaml(text, source, REMEDY);
  const file = checkedValue(SignatureFile, yaml, source, { remedy: REMEDY });
  const problems = [...sampleMistakes(file), ...more(file)].map(({ path: at, message }): FileProblem => ({
    ...yaml.position(at, 'value'),
    path: at,
    message,
  }));
  if (problems.length > 0) {
    throw new FileError(source, problems, REMEDY);
  }
  return file;
}

/** What is wrong within a file that its schema accepts. */
export interface SignatureMistake {
  /** From the root of the file. */
  readonly path: FieldPath;
  readonly message: string;
}

/** Examples that are not matched, and near-misses that are. */
export function sampleMistakes(file: SignatureFile): readonly SignatureMistake[] {
  return failingSamples(file).map(({ signature, list, index }) => ({
    path: ['signatures', signature, list, index],
    message: list === 'examples' ? 'is an example, and is not matched' : 'is a near-miss, and is matched',
  }));
}

/** Names of signatures, each with the file that has it. */
export type TakenNames = ReadonlyMap<string, string>;

export async function shippedNames(duty: string): Promise<TakenNames> {
  const files = await shippedSignatureFiles(duty);
  return new Map(
    files.flatMap(({ name, content }) => {
      const { category, signatures } = asFile(content, name);
      return signatures.map(({ id }) => [`${category}/${id}`, name] as const);
    }),
  );
}

/** A team's signature has a name of its own, or says that it stands in the place of a shipped one. `own`: of the team's files so far. */
export function nameMistakes(file: SignatureFile, shipped: TakenNames, own: TakenNames): readonly SignatureMistake[] {
  return file.signatures.flatMap(({ id, overrides }, index): readonly SignatureMistake[] => {
    const name = `${file.category}/${id}`;
    const at = ['signatures', index];
    const twice = own.get(name);
    if (twice !== undefined) {
      return [{ path: [...at, 'id'], message: `expected an id of its own: ${twice} has ${name} too` }];
    }
    const taken = shipped.get(name);
    if (taken !== undefined && !overrides) {
      return [
        {
          path: [...at, 'id'],
          message: `expected an id of its own: ${taken} has ${name} already; overrides: true puts this one in its place`,
        },
      ];
    }
    return taken === undefined && overrides
      ? [{ path: [...at, 'overrides'], message: `expected false: there is no shipped signature ${name}` }]
      : [];
  });
}

/** A team's own file: proven, and with names that do not clash. `shipped` names are those of the duty; a shipped file is itself right. */
export async function teamFile(text: string, source: string, duty: string, own: TakenNames): Promise<SignatureFile> {
  const isShipped = (await shippedSignatureFiles(duty)).some(({ content }) => content === text);
  const shipped = await shippedNames(duty);
  return provenFile(text, source, (file) => (isShipped ? [] : nameMistakes(file, shipped, own)));
}

/** Which shipped signatures the team's stand in the place of, as a sentence; empty when none. */
export function placesOf(files: readonly SignatureFile[]): string {
  const names = files.flatMap(({ category, signatures }) =>
    signatures.filter(({ overrides }) => overrides).map(({ id }) => `${category}/${id}`),
  );
  return names.length === 0 ? '' : ` In place of shipped ones: ${names.join(', ')}.`;
}

/** The text of a file that a person named. Fails with a CallerError when it cannot be read. */
export async function readSignatureText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new CallerError(`The file of signatures ${file} cannot be read: ${describeError(error)}.`, {
      field: 'file',
      remedy: 'Name a YAML file; functions/pipeline-retry/signatures holds working ones.',
      cause: error,
    });
  }
}

/**
 * The catalogue that the duty ships, with a team's own signatures: of two with the same category and id the team's counts. Works from
 * source and in a bundle alike. Fails with a FileError or a CallerError for a wrong file.
 */
export async function readCatalogue(duty: string, own: readonly SignatureFile[] = []): Promise<Catalogue> {
  const shipped = await shippedSignatureFiles(duty);
  return compileCatalogue([...shipped.map(({ name, content }) => asFile(content, name)), ...own]);
}

function asFile(content: string | SignatureFile, name: string): SignatureFile {
  return typeof content === 'string' ? parseSignatures(content, name) : content;
}

// Reads files of signatures: the ones that a duty ships in functions/<duty>/signatures, and a team's own. The only reader; what a
// signature means is core's business (core/log/signature.ts).
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { compileCatalogue, failingSamples, SignatureFile } from '../core/log/signature.ts';
import type { Catalogue } from '../core/log/signature.ts';
import { CallerError, describeError } from '../core/errors.ts';
import { checkedValue } from './problems.ts';
import { shippedSignatureFiles } from './shipped-signatures.ts';
import { FileError, parseYaml } from './yaml-source.ts';
import type { FileProblem } from './yaml-source.ts';

const REMEDY = 'Correct the file; CONTRIBUTING.md, "Add a signature", explains the fields.';

/** The signatures in the text of the file `source`. Fails with a FileError that lists all mistakes by line and field. */
export function parseSignatures(text: string, source: string): SignatureFile {
  return checkedValue(SignatureFile, parseYaml(text, source, REMEDY), source, { remedy: REMEDY });
}

/** As parseSignatures, and each example must be matched and no near-miss may be: those that fail are mistakes of the file too. */
export function provenSignatures(text: string, source: string): SignatureFile {
  const yaml = parseYaml(text, source, REMEDY);
  const file = checkedValue(SignatureFile, yaml, source, { remedy: REMEDY });
  const problems = failingSamples(file).map(({ signature, list, index }): FileProblem => {
    const at = ['signatures', signature, list, index];
    const message = list === 'examples' ? 'is an example, and is not matched' : 'is a near-miss, and is matched';
    return { ...yaml.position(at, 'value'), path: at, message };
  });
  if (problems.length > 0) {
    throw new FileError(source, problems, REMEDY);
  }
  return file;
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
 * The catalogue that the duty ships, with a team's own files after it: of two signatures with the same category and id the
 * team's counts. Works from source and in a bundle alike. Fails with a FileError or a CallerError for a wrong file.
 */
export async function readCatalogue(duty: string, teamFiles: readonly string[] = []): Promise<Catalogue> {
  const shipped = await shippedSignatureFiles(duty);
  const own = await Promise.all(
    teamFiles.map(async (file) => parseSignatures(await readSignatureText(file), path.basename(file))),
  );
  return compileCatalogue([...shipped.map(({ name, content }) => asFile(content, name)), ...own]);
}

function asFile(content: string | SignatureFile, name: string): SignatureFile {
  return typeof content === 'string' ? parseSignatures(content, name) : content;
}

// What a file of signatures says, and the catalogue that several of them make. A signature tells a cause from one line of a log;
// when which line counts is verdict.ts' business.
import { z } from 'zod';
import { lineGuard } from './line-guard.ts';
import { cleanedLine } from './log-line.ts';
import { patternSyntax } from './pattern-syntax.ts';
import { wordFinder } from './word-finder.ts';

const kebabCase = z
  .string()
  .regex(/^[a-z0-9]+(-[a-z0-9]+)*$/, 'a kebab-case name')
  .max(60);

function patternOf(role: 'cause' | 'condition') {
  return z
    .string()
    .superRefine((pattern, context) => {
      const syntax = patternSyntax(pattern, role);
      if ('problem' in syntax) {
        context.addIssue({ code: 'custom', message: syntax.problem, input: pattern });
      }
    })
    .describe('Regular expression for one line, without look-around, back-references and repeated groups');
}

const cause = patternOf('cause');
const condition = patternOf('condition');

const sample = z.string().min(1).max(2000);

export const Signature = z.strictObject({
  id: kebabCase,
  patterns: z.array(cause).min(1).max(40),
  strength: z
    .enum(['conclusive', 'fatal', 'hint'])
    .default('fatal')
    .describe(
      'conclusive: the CI system itself says so; fatal: a tool gives up because of this; hint: may have been survived, counts only near the end',
    ),
  rerun: z.enum(['helps', 'does-not-help']).optional().describe("Where it differs from the file's"),
  consequence: z
    .boolean()
    .default(false)
    .describe('Often follows from a cause that passes: when one stands shortly before it, that one counts'),
  root: z
    .boolean()
    .default(false)
    .describe('What fails shortly before and after it follows from it: a full disk also fails the compiler'),
  onWarnings: z.boolean().default(false).describe('Also counts in lines that call themselves warnings'),
  caseSensitive: z.boolean().default(false),
  overrides: z
    .boolean()
    .default(false)
    .describe("In a team's own file: stands in the place of the shipped signature of the same category and id"),
  near: z
    .array(condition)
    .max(10)
    .default([])
    .describe('One of these must match within the 25 lines before or 10 after'),
  unless: z.array(condition).max(20).default([]).describe('A line that also matches one of these does not count'),
  examples: z.array(sample).min(1).max(40).describe('Each must be matched'),
  nearMisses: z.array(sample).max(40).default([]).describe('None may be matched'),
});
export type Signature = z.infer<typeof Signature>;

export const SignatureFile = z
  .strictObject({
    category: kebabCase,
    rerun: z.enum(['helps', 'does-not-help']).describe('Would the same commit pass when it runs again?'),
    why: z.string().min(10).max(400),
    signatures: z.array(Signature).min(1).max(80),
  })
  .refine(({ signatures }) => new Set(signatures.map(({ id }) => id)).size === signatures.length, 'ids that differ');
export type SignatureFile = z.infer<typeof SignatureFile>;

/** What a policy says of the team's own: names of files, which are read with the policy, or their content. */
export const TeamSignatures = z
  .array(z.union([z.string().min(1).max(1000), SignatureFile]))
  .max(100)
  .default([])
  .describe(
    "The team's own signatures of failures, for reruns, reports and explain-log: files beside the policy, or their content right here, which a policy that is mounted alone needs",
  )
  .meta({ examples: [['signatures/artifact-store.yaml']] });

/** A signature made ready to match. */
export interface KnownSignature {
  /** `<category>/<id>` */
  readonly name: string;
  readonly category: string;
  readonly why: string;
  readonly isTransient: boolean;
  readonly signature: Signature;
  isNear(line: string): boolean;
}

export interface Catalogue {
  readonly signatures: readonly KnownSignature[];
  /** Those of the signatures with a pattern that matches the line and no exception that does. */
  matching(line: string): readonly KnownSignature[];
}

export interface SampleFailure {
  readonly signature: number;
  readonly list: 'examples' | 'nearMisses';
  readonly index: number;
}

interface Cause {
  readonly known: KnownSignature;
  readonly pattern: RegExp;
  readonly unless: readonly RegExp[];
  readonly words: readonly string[];
}

/** All signatures of the files as one catalogue; of two with the same category and id, the later one counts. */
export function compileCatalogue(files: readonly SignatureFile[]): Catalogue {
  const byName = new Map(
    files.flatMap((file) => file.signatures.map((one) => [`${file.category}/${one.id}`, compiled(file, one)] as const)),
  );
  const causes = [...byName.values()].flatMap((one) => one.causes);
  const holders = new Map<string, Cause[]>();
  for (const cause of causes) {
    for (const word of cause.words) {
      holders.set(word, [...(holders.get(word) ?? []), cause]);
    }
  }
  const find = wordFinder([...holders.keys()]);
  const held = [...holders.values()];
  return {
    signatures: [...byName.values()].map(({ known }) => known),
    matching: (line) => {
      const hits = find(line);
      if (hits === undefined) {
        return [];
      }
      const folded = foldedLine(line);
      const possible = new Set([...hits].flatMap((hit) => held[hit] ?? []));
      const found = [...possible].filter(
        ({ pattern, unless }) => pattern.test(folded) && !unless.some((one) => one.test(folded)),
      );
      return [...new Set(found.map(({ known }) => known))];
    },
  };
}

function compiled(
  file: SignatureFile,
  signature: Signature,
): { readonly known: KnownSignature; readonly causes: readonly Cause[] } {
  const flags = signature.caseSensitive ? '' : 'i';
  const unless = signature.unless.map((pattern) => new RegExp(checked(pattern, 'condition').source, 'i'));
  const near = signature.near.map((pattern) => new RegExp(checked(pattern, 'condition').source, 'i'));
  const known: KnownSignature = {
    name: `${file.category}/${signature.id}`,
    category: file.category,
    why: file.why,
    isTransient: (signature.rerun ?? file.rerun) === 'helps',
    signature,
    isNear: (line) => near.some((one) => one.test(line)),
  };
  const causes = signature.patterns.map((text): Cause => {
    const { source, words } = checked(text, 'cause');
    return { known, pattern: new RegExp(source, flags), unless, words };
  });
  return { known, causes };
}

function checked(
  pattern: string,
  role: 'cause' | 'condition',
): { readonly source: string; readonly words: readonly string[] } {
  const syntax = patternSyntax(pattern, role);
  if ('problem' in syntax) {
    throw new TypeError(
      `The pattern ${JSON.stringify(pattern)} was not checked by the schema: expected ${syntax.problem}.`,
    );
  }
  return syntax;
}

/** The samples of a file that do not do what they are there for. */
export function failingSamples(file: SignatureFile): readonly SampleFailure[] {
  const catalogue = compileCatalogue([file]);
  return file.signatures.flatMap((signature, number) => {
    const known = catalogue.signatures.find(({ name }) => name === `${file.category}/${signature.id}`);
    const failing = (list: 'examples' | 'nearMisses', expected: boolean): readonly SampleFailure[] =>
      signature[list].flatMap((text, index) =>
        known !== undefined && sampleMatches(catalogue, known, text) === expected
          ? []
          : [{ signature: number, list, index }],
      );
    return [...failing('examples', true), ...failing('nearMisses', false)];
  });
}

function sampleMatches(catalogue: Catalogue, known: KnownSignature, sampleText: string): boolean {
  const lines = sampleText.split('\n').map(cleanedLine);
  return lines.some((line, at) => matchesAt(catalogue, lines, at).includes(known) && lineGuard(line, known));
}

/** How far `near` looks. */
const NEAR_BEFORE = 25;
const NEAR_AFTER = 10;

/** The signatures that match the line at `at` among its neighbours. Guards against what a line only talks of are not applied. */
export function matchesAt(catalogue: Catalogue, lines: readonly string[], at: number): readonly KnownSignature[] {
  return catalogue
    .matching(lines[at] ?? '')
    .filter(
      (known) =>
        known.signature.near.length === 0 ||
        lines.slice(Math.max(0, at - NEAR_BEFORE), at + NEAR_AFTER + 1).some((one) => known.isNear(foldedLine(one))),
    );
}

/** What is longer has its middle cut out: causes stand at the beginning or at the end of a line. */
const MAX_MATCH_CHARACTERS = 1000;

/** White space folded, length capped. */
export function foldedLine(line: string): string {
  const capped =
    line.length > MAX_MATCH_CHARACTERS
      ? `${line.slice(0, MAX_MATCH_CHARACTERS / 2)} … ${line.slice(-MAX_MATCH_CHARACTERS / 2)}`
      : line;
  return capped.replaceAll(/\s+/g, ' ').trim();
}

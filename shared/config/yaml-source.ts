// A YAML file that people write: its value and where each part of it stands, so that every mistake is told by line and column.
// Knows no schema; problems.ts checks values.
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, visit } from 'yaml';
import type { Document, Node } from 'yaml';
import { ConfigurationError, describeError } from '../core/errors.ts';

/** Far over any file that a team writes; keeps a mistaken path (a log, a core dump) from being parsed. */
const MAX_CHARACTERS = 1024 * 1024;
/** Each anchor may be used this often; a file that unfolds into billions of nodes uses few anchors very often. */
const MAX_ALIASES = 100;

export type FieldPath = readonly (string | number)[];

export interface FileProblem {
  /** From 1. */
  readonly line: number;
  readonly column: number;
  readonly path: FieldPath;
  readonly message: string;
}

/** A file with mistakes: all of them, each as `file:line:column: field.path: expected X, got Y`. */
export class FileError extends ConfigurationError {
  readonly source: string;
  readonly problems: readonly FileProblem[];

  constructor(source: string, problems: readonly FileProblem[], remedy: string) {
    const sorted = [...problems].sort((a, b) => a.line - b.line || a.column - b.column);
    const lines = sorted.map((problem) => problemLine(source, problem));
    super(
      lines.length === 1 ? String(lines[0]) : `${source} has ${String(lines.length)} problems:\n${lines.join('\n')}`,
      {
        remedy,
      },
    );
    this.source = source;
    this.problems = sorted;
  }

  /** The remedy on a line of its own, where it follows a list. */
  override get full(): string {
    return this.problems.length > 1 && this.remedy !== undefined ? `${this.message}\n${this.remedy}` : super.full;
  }
}

function problemLine(source: string, { line, column, path, message }: FileProblem): string {
  const field = path.length === 0 ? '' : `${fieldName(path)}: `;
  return `${source}:${String(line)}:${String(column)}: ${field}${message}`;
}

/** `clusters.prod.metrics.url`, `modes[0].mode`. */
export function fieldName(path: FieldPath): string {
  return path
    .map((key, index) => (typeof key === 'number' ? `[${String(key)}]` : `${index === 0 ? '' : '.'}${quoted(key)}`))
    .join('');
}

function quoted(key: string): string {
  return /^[A-Za-z0-9_-]+$/.test(key) ? key : JSON.stringify(key);
}

export interface YamlSource {
  readonly value: unknown;
  /** Where the value at `path` begins, or, for `key`, its name; the nearest part that is there when it is missing. */
  position(path: FieldPath, part: 'key' | 'value'): { readonly line: number; readonly column: number };
}

/** Fails with a FileError for what is not one YAML document with unique keys. */
export function parseYaml(text: string, source: string, remedy: string): YamlSource {
  const fail = (message: string, offset = 0): FileError => {
    const { line, col } = lines.linePos(offset);
    return new FileError(source, [{ line: Math.max(line, 1), column: Math.max(col, 1), path: [], message }], remedy);
  };
  const lines = new LineCounter();
  if (text.length > MAX_CHARACTERS) {
    throw fail(`expected at most ${String(MAX_CHARACTERS)} characters, got ${String(text.length)}`);
  }
  const document = parsed(text, lines, fail);
  const problems = [...document.errors, ...document.warnings].map((error) => {
    const { line, col } = lines.linePos(error.pos[0]);
    const multiple = error.code === 'MULTIPLE_DOCS';
    const message = multiple ? 'expected one YAML document, got another after ---' : `not valid YAML: ${error.message}`;
    return { line, column: col, path: [], message };
  });
  if (problems.length > 0) {
    throw new FileError(source, problems, remedy);
  }
  const value = unfolded(document, fail);
  return {
    value,
    position: (path, part) => {
      const { line, col } = lines.linePos(offsetOf(document, path, part));
      return { line: Math.max(line, 1), column: Math.max(col, 1) };
    },
  };
}

type Fail = (message: string, offset?: number) => FileError;

function parsed(text: string, lines: LineCounter, fail: Fail): Document.Parsed {
  try {
    // Not `logLevel: 'silent'`: with it, further documents of the file are left out without a word.
    return parseDocument(text, {
      lineCounter: lines,
      prettyErrors: false,
      uniqueKeys: true,
      strict: true,
    });
  } catch (error) {
    // A parser that recurses runs out of stack on thousands of brackets.
    throw fail(`cannot be parsed: ${describeError(error)}`);
  }
}

function unfolded(document: Document.Parsed, fail: Fail): unknown {
  try {
    visit(document, {
      Alias: (_, alias) => {
        if (alias.resolve(document) === undefined) {
          throw fail(`expected an anchor &${alias.source} before this *${alias.source}, got none`, alias.range?.[0]);
        }
      },
    });
    return document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (error) {
    throw error instanceof FileError ? error : fail(`cannot be unfolded: ${describeError(error)}`);
  }
}

function offsetOf(document: Document.Parsed, path: FieldPath, part: 'key' | 'value'): number {
  let node: Node | null | undefined = document.contents;
  let offset = node?.range?.[0] ?? 0;
  for (const [index, key] of path.entries()) {
    const target: unknown = isAlias(node) ? node.resolve(document) : node;
    const child: { readonly name: unknown; readonly value: unknown } | undefined = childOf(target, key);
    if (child === undefined) {
      return offset;
    }
    const isLast = index === path.length - 1;
    offset = rangeStart(isLast && part === 'key' ? child.name : child.value) ?? rangeStart(child.name) ?? offset;
    node = child.value as Node | null | undefined;
  }
  return offset;
}

function childOf(node: unknown, key: string | number): { readonly name: unknown; readonly value: unknown } | undefined {
  if (isMap(node)) {
    const pair = node.items.find((item) => (isScalar(item.key) ? String(item.key.value) : '') === String(key));
    return pair === undefined ? undefined : { name: pair.key, value: pair.value };
  }
  const item: unknown = isSeq(node) && typeof key === 'number' ? node.items[key] : undefined;
  return item === undefined ? undefined : { name: item, value: item };
}

function rangeStart(node: unknown): number | undefined {
  return (node as Node | null | undefined)?.range?.[0];
}

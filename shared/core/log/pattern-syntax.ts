// The small regular expressions of signatures: parsed, held to rules that keep every match cheap, and bounded. Anybody's log meets
// anybody's pattern here, and JavaScript's engine backtracks: what it could be made to run for ages with is refused.

/** `*` and `+` repeat up to this often; lines are cut anyway (MAX_MATCH_CHARACTERS). */
const UNBOUNDED_REPEATS = 100;
/** The product of all repeats on the costliest way through a pattern: with it, one line costs milliseconds at the very worst. */
const MAX_WAYS = 16_000;
const MAX_PATTERN_CHARACTERS = 600;
/** Shorter words stand in every log. */
const MIN_WORD_CHARACTERS = 3;

/** What a signature must not match: words that say that something went wrong, but not what. */
const GENERIC_LINES: readonly string[] = [
  '',
  'error',
  'Error:',
  'ERROR: failed',
  'failed',
  'failure',
  'FAILURE: Build failed',
  'fatal:',
  'exception',
  'warning',
  'timeout',
  'timed out',
  'Error: timeout',
  'not found',
  'connection',
  'Connection failed',
  'network',
  'retry',
  'Retrying',
  'exit code 1',
  'Process completed with exit code 1.',
  'exit status 1',
  'Job failed',
  'test',
  'build',
];

export interface PatternSyntax {
  /** The same pattern with every repeat bounded. */
  readonly source: string;
  /** Lower-case words of which every matching line holds at least one. */
  readonly words: readonly string[];
}

type Node =
  | { readonly kind: 'character'; readonly literal: string | undefined; readonly source: string }
  | { readonly kind: 'edge'; readonly ofWord: boolean }
  | { readonly kind: 'repeat'; readonly node: Node; readonly min: number; readonly max: number }
  | { readonly kind: 'sequence'; readonly nodes: readonly Node[] }
  | { readonly kind: 'choice'; readonly options: readonly Node[] };

/** The pattern, or what was expected instead. A `condition` only narrows another pattern, so that it may be as general as it likes. */
export function patternSyntax(
  pattern: string,
  role: 'cause' | 'condition' = 'cause',
): PatternSyntax | { readonly problem: string } {
  if (pattern.length > MAX_PATTERN_CHARACTERS) {
    return { problem: `a pattern of at most ${String(MAX_PATTERN_CHARACTERS)} characters` };
  }
  let parsed: { readonly node: Node; readonly source: string };
  try {
    parsed = new PatternParser(pattern).parse();
    RegExp(parsed.source);
  } catch (error) {
    return { problem: `a pattern without ${error instanceof Error ? error.message : String(error)}` };
  }
  const ways = waysThrough(parsed.node);
  if (ways > MAX_WAYS) {
    return {
      problem: `a pattern whose repeats multiply to at most ${String(MAX_WAYS)} (these give ${String(ways)}; * and + count ${String(UNBOUNDED_REPEATS)}): bound them, as in .{0,40}`,
    };
  }
  if (role === 'condition') {
    return { source: parsed.source, words: [] };
  }
  const words = wordsOf(parsed.node);
  if (words === undefined) {
    return { problem: `a pattern that always needs a word of at least ${String(MIN_WORD_CHARACTERS)} characters` };
  }
  const matcher = new RegExp(parsed.source, 'i');
  const generic = GENERIC_LINES.find((line) => matcher.test(line));
  if (generic !== undefined) {
    return { problem: `a pattern that tells a cause; this one matches the bare "${generic}"` };
  }
  return { source: parsed.source, words };
}

/** A class for its state while it walks through the pattern; thrown errors name the construct that is refused. */
class PatternParser {
  readonly #pattern: string;
  #at = 0;
  #source = '';

  constructor(pattern: string) {
    this.#pattern = pattern;
  }

  parse(): { readonly node: Node; readonly source: string } {
    const node = this.#choice();
    if (this.#at < this.#pattern.length) {
      throw new Error('a bracket that was never opened');
    }
    return { node, source: this.#source };
  }

  #take(count = 1): string {
    const taken = this.#pattern.slice(this.#at, this.#at + count);
    this.#at += count;
    this.#source += taken;
    return taken;
  }

  #choice(): Node {
    const options = [this.#sequence()];
    while (this.#pattern[this.#at] === '|') {
      this.#take();
      options.push(this.#sequence());
    }
    const [only] = options;
    return options.length === 1 && only !== undefined ? only : { kind: 'choice', options };
  }

  #sequence(): Node {
    const nodes: Node[] = [];
    for (let next = this.#pattern[this.#at]; next !== undefined && next !== '|' && next !== ')';) {
      nodes.push(this.#repeated(this.#atom(next)));
      next = this.#pattern[this.#at];
    }
    return { kind: 'sequence', nodes };
  }

  #atom(next: string): Node {
    switch (next) {
      case '(':
        return this.#group();
      case '[':
        return this.#class();
      case '\\':
        return this.#escape();
      case '^':
      case '$':
        this.#take();
        return { kind: 'edge', ofWord: false };
      case '.':
        return { kind: 'character', literal: undefined, source: this.#take() };
      case '*':
      case '+':
      case '?':
      case '{':
        throw new Error('a repeat of nothing; write \\ before a bracket that is meant as itself');
      default: {
        const literal = this.#take();
        return { kind: 'character', literal, source: `\\u${literal.charCodeAt(0).toString(16).padStart(4, '0')}` };
      }
    }
  }

  #group(): Node {
    this.#take();
    if (this.#pattern[this.#at] === '?') {
      if (this.#pattern[this.#at + 1] !== ':') {
        throw new Error('look-around and named groups');
      }
      this.#take(2);
    }
    const inside = this.#choice();
    if (this.#pattern[this.#at] !== ')') {
      throw new Error('a bracket that is never closed');
    }
    this.#take();
    return inside;
  }

  #class(): Node {
    const end = /^\[\^?\]?(?:\\.|[^\\\]])*\]/.exec(this.#pattern.slice(this.#at))?.[0];
    if (end === undefined) {
      throw new Error('a bracket that is never closed');
    }
    return { kind: 'character', literal: undefined, source: this.#take(end.length) };
  }

  #escape(): Node {
    const code = this.#pattern[this.#at + 1];
    if (code === undefined) {
      throw new Error('a backslash at its end');
    }
    const source = this.#take(2);
    if (code === 'b' || code === 'B') {
      return { kind: 'edge', ofWord: code === 'b' };
    }
    if ('dDwWsS'.includes(code)) {
      return { kind: 'character', literal: undefined, source };
    }
    if (/[A-Za-z0-9]/.test(code)) {
      throw new Error(`\\${code}; known are \\d \\w \\s \\b and their opposites`);
    }
    return { kind: 'character', literal: code, source };
  }

  #repeated(node: Node): Node {
    const repeat = /^(?:[*+?]|\{(\d{1,4})(,(\d{0,4}))?\})\??/.exec(this.#pattern.slice(this.#at));
    if (repeat === null) {
      return node;
    }
    const [text] = repeat;
    const { min, max } = boundsOf(repeat);
    if (node.kind === 'edge' || max < min) {
      throw new Error(`the repeat ${text} here`);
    }
    // A repeated group is where time explodes; an optional one is only a choice.
    if (node.kind !== 'character' && max > 1) {
      throw new Error(`a repeated group (${text}): write it out, or make the group optional`);
    }
    this.#at += text.length;
    const lazy = text.length > 1 && text.endsWith('?') ? '?' : '';
    this.#source += `{${String(min)},${String(max)}}${lazy}`;
    return { kind: 'repeat', node, min, max };
  }
}

function boundsOf([text, from, comma, to]: RegExpExecArray): { readonly min: number; readonly max: number } {
  if (from === undefined) {
    return { min: text.startsWith('+') ? 1 : 0, max: text.startsWith('?') ? 1 : UNBOUNDED_REPEATS };
  }
  const min = Number(from);
  if (comma === undefined) {
    return { min, max: min };
  }
  return { min, max: to === undefined || to === '' ? min + UNBOUNDED_REPEATS : Number(to) };
}

function waysThrough(node: Node): number {
  switch (node.kind) {
    case 'character':
    case 'edge':
      return 1;
    case 'repeat':
      return node.min === node.max ? waysThrough(node.node) : (node.max - node.min + 1) * waysThrough(node.node);
    case 'sequence':
      return node.nodes.reduce(
        (product, one, at) => product * (endsOnlyOnce(node.nodes, at) ? 1 : waysThrough(one)),
        1,
      );
    case 'choice':
      return Math.max(...node.options.map(waysThrough));
  }
}

/** Whether what follows a repeat cannot begin inside of it, as in `\d{1,6}:`: then there is one place where it ends, and no choice. */
function endsOnlyOnce(nodes: readonly Node[], at: number): boolean {
  const node = nodes[at];
  if (node?.kind !== 'repeat' || node.node.kind !== 'character') {
    return false;
  }
  const repeated = new RegExp(`^${node.node.source}$`, 'i');
  const next = nodes[at + 1];
  if (next === undefined) {
    return false;
  }
  if (next.kind === 'edge') {
    return next.ofWord && ['\\d', '\\w'].includes(node.node.source);
  }
  const firsts = firstLetters(next);
  return firsts !== undefined && firsts.every((letter) => !repeated.test(letter));
}

/** The letters with which a match of the node may begin; undefined when it may begin with others, or be empty. */
function firstLetters(node: Node): readonly string[] | undefined {
  switch (node.kind) {
    case 'character':
      return node.literal === undefined ? undefined : [node.literal];
    case 'edge':
      return undefined;
    case 'repeat':
      return node.min > 0 ? firstLetters(node.node) : undefined;
    case 'sequence':
      return node.nodes[0] === undefined ? undefined : firstLetters(node.nodes[0]);
    case 'choice': {
      const each = node.options.map(firstLetters);
      return each.every((letters) => letters !== undefined) ? each.flat() : undefined;
    }
  }
}

/** Of the words that a match must hold, the ones that are rarest: the longest. Undefined when a match needs none. */
function wordsOf(node: Node): readonly string[] | undefined {
  switch (node.kind) {
    case 'character':
    case 'edge':
      return undefined;
    case 'repeat':
      return node.min > 0 ? wordsOf(node.node) : undefined;
    case 'choice': {
      const each = node.options.map(wordsOf);
      return each.every((words) => words !== undefined) ? [...new Set(each.flat())] : undefined;
    }
    case 'sequence':
      return best([...runsOf(node.nodes).map((run) => [run]), ...node.nodes.map(wordsOf)]);
  }
}

function runsOf(nodes: readonly Node[]): readonly string[] {
  const runs: string[] = [];
  let run = '';
  for (const node of [...nodes, { kind: 'edge', ofWord: false } as const]) {
    // White space is folded before a line is matched, not before its words are looked for.
    if (node.kind === 'character' && node.literal !== undefined && !/\s/.test(node.literal)) {
      run += node.literal.toLowerCase();
      continue;
    }
    if (run.length >= MIN_WORD_CHARACTERS) {
      runs.push(run);
    }
    run = '';
  }
  return runs;
}

function best(candidates: readonly (readonly string[] | undefined)[]): readonly string[] | undefined {
  const shortest = (words: readonly string[]): number => Math.min(...words.map((word) => word.length));
  return candidates
    .filter((words) => words !== undefined)
    .toSorted((a, b) => shortest(b) - shortest(a) || a.length - b.length)[0];
}

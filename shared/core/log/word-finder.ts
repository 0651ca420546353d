// Finds which of many words a line holds, in one pass over it whatever their number (Aho and Corasick, 1975): a log has a hundred
// thousand lines, a catalogue hundreds of patterns, and hardly any pair of them belongs together.

/** Gives the numbers of the words (places in `words`) that stand in a line, in upper or lower case. */
export type WordFinder = (line: string) => ReadonlySet<number> | undefined;

const ASCII = 128;

/** `words` in lower case and ASCII; others are never found. */
export function wordFinder(words: readonly string[]): WordFinder {
  const classOf = letterClasses(words);
  const width = Math.max(...classOf) + 1;
  const { next, found } = automaton(words, classOf, width);
  return (line) => {
    let state = 0;
    let hits: Set<number> | undefined;
    for (let at = 0; at < line.length; at += 1) {
      const code = line.charCodeAt(at);
      state = code < ASCII ? (next[state * width + (classOf[code] ?? 0)] ?? 0) : 0;
      const ending = found[state];
      if (ending !== undefined) {
        hits ??= new Set();
        for (const word of ending) {
          hits.add(word);
        }
      }
    }
    return hits;
  };
}

/** Class 0 is every character that no word uses. */
function letterClasses(words: readonly string[]): Uint8Array {
  const classes = new Uint8Array(ASCII);
  let count = 0;
  for (const letter of new Set(words.join(''))) {
    const code = letter.charCodeAt(0);
    if (code < ASCII) {
      count += 1;
      classes[code] = count;
      classes[letter.toUpperCase().charCodeAt(0)] = count;
    }
  }
  return classes;
}

interface Automaton {
  /** Next state by state and class of the letter. */
  readonly next: Int32Array;
  /** The words that end in a state. */
  readonly found: readonly (readonly number[] | undefined)[];
}

function automaton(words: readonly string[], classOf: Uint8Array, width: number): Automaton {
  const size = words.reduce((sum, word) => sum + word.length, 1);
  const next = new Int32Array(size * width);
  const found: (number[] | undefined)[] = new Array<number[] | undefined>(size).fill(undefined);
  let states = 1;
  for (const [number, word] of words.entries()) {
    let state = 0;
    for (const letter of word) {
      const place = state * width + (classOf[letter.charCodeAt(0)] ?? 0);
      if (next[place] === 0) {
        next[place] = states;
        states += 1;
      }
      state = next[place] ?? 0;
    }
    (found[state] ??= []).push(number);
  }
  // Breadth first: what a state falls back to is complete before the state itself is.
  const fallback = new Int32Array(states);
  const queue = [0];
  for (let head = 0; head < queue.length; head += 1) {
    const state = queue[head] ?? 0;
    for (let letter = 0; letter < width; letter += 1) {
      const place = state * width + letter;
      const target = next[place] ?? 0;
      const back = state === 0 ? 0 : (next[(fallback[state] ?? 0) * width + letter] ?? 0);
      if (target === 0) {
        next[place] = back;
        continue;
      }
      fallback[target] = back;
      const inherited = found[back];
      if (inherited !== undefined) {
        found[target] = [...(found[target] ?? []), ...inherited];
      }
      queue.push(target);
    }
  }
  return { next, found };
}

// "Did you mean …?": the known name that a mistyped one is nearest to. Judges nothing else.

/** The nearest of `names` when it is near enough to be a slip: a third of the letters at most. */
export function closest(typed: string, names: readonly string[]): string | undefined {
  const wanted = typed.toLowerCase().slice(0, MAX_LENGTH);
  let best: string | undefined;
  let least = Math.floor(wanted.length / 3) + 1;
  for (const name of names) {
    const distance = editDistance(wanted, name.toLowerCase().slice(0, MAX_LENGTH));
    if (distance < least) {
      best = name;
      least = distance;
    }
  }
  return best;
}

/** Names are short; what is longer comes from outside and must not cost its square. */
const MAX_LENGTH = 64;

/** Insertions, deletions, replacements and swaps of neighbours (optimal string alignment). */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const current = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min(at(previous, j) + 1, at(current, j - 1) + 1, at(previous, j - 1) + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, at(before, j - 2) + 1);
      }
      current.push(cost);
    }
    before = previous;
    previous = current;
  }
  return at(previous, b.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY;
}

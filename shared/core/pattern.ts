// Name patterns of the policy: `*` stands for any characters, everything else for itself. Not a regular expression, on purpose:
// a policy cannot make the matcher backtrack, and a dot in a name is a dot.

/**
 * Whether the whole `value` fits `pattern`; `*` stands for any characters, also none. Case matters.
 * The leftmost place for each piece between two stars leaves the most room for the next one, so no choice is ever taken back.
 */
export function matchesPattern(pattern: string, value: string): boolean {
  const pieces = pattern.split('*');
  const first = pieces[0] ?? '';
  if (pieces.length === 1) {
    return value === pattern;
  }
  const last = pieces[pieces.length - 1] ?? '';
  if (!value.startsWith(first) || !value.endsWith(last)) {
    return false;
  }
  const end = value.length - last.length;
  let position = first.length;
  for (const piece of pieces.slice(1, -1)) {
    const found = value.indexOf(piece, position);
    if (found < 0) {
      return false;
    }
    position = found + piece.length;
  }
  return position <= end;
}

// Name patterns: a star stands for anything, everything else for itself, and no pattern is slow.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matchesPattern } from '../../shared/core/pattern.ts';

describe('matchesPattern', () => {
  it.each([
    ['*', '', true],
    ['*', 'anything', true],
    ['', '', true],
    ['', 'a', false],
    ['kube-*', 'kube-system', true],
    ['kube-*', 'kube-', true],
    ['kube-*', 'kube', false],
    ['kube-*', 'my-kube-system', false],
    ['*-db', 'orders-db', true],
    ['*-db', 'orders-db-0', false],
    ['a*a', 'a', false],
    ['a*a', 'aa', true],
    ['a*b*c', 'a-b-b-c', true],
    ['a*b*c', 'a-c-b', false],
    ['ab*ba', 'aba', false],
    ['**', '', true],
    ['a**b', 'ab', true],
    ['a.c', 'abc', false],
    ['[a-z]+', 'a', false],
    ['a?c', 'abc', false],
    ['shop', 'Shop', false],
    ['shop', 'shop2', false],
    ['x*', 'x\ny', true],
    ['\\*', '\\anything', true],
  ])('%j on %j: %s', (pattern, value, expected) => {
    expect(matchesPattern(pattern, value)).toBe(expected);
  });

  it('agrees with a plain recursive definition', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b', '.'), maxLength: 10 });
    const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '.', '*'), maxLength: 7 });
    fc.assert(
      fc.property(pattern, letters, (stars, value) => matchesPattern(stars, value) === byDefinition(stars, value)),
      { numRuns: 5000 },
    );
  });

  it('matches what was built from it', () => {
    fc.assert(
      fc.property(fc.array(fc.string(), { minLength: 1 }), fc.array(fc.string()), (pieces, fillings) => {
        const plain = pieces.map((piece) => piece.replaceAll('*', ''));
        const value = plain.map((piece, index) => (index === 0 ? piece : `${fillings[index] ?? ''}${piece}`)).join('');
        return matchesPattern(plain.join('*'), value);
      }),
    );
  });

  it('takes a pattern that would make a regular expression backtrack for ages', () => {
    expect(matchesPattern('*a'.repeat(120), `${'a'.repeat(250)}b`)).toBe(false);
  });
});

function byDefinition(pattern: string, value: string): boolean {
  if (pattern === '') {
    return value === '';
  }
  if (pattern.startsWith('*')) {
    return byDefinition(pattern.slice(1), value) || (value !== '' && byDefinition(pattern, value.slice(1)));
  }
  return value[0] === pattern[0] && byDefinition(pattern.slice(1), value.slice(1));
}

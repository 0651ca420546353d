// RE2's regular expressions in JavaScript: the same matches, or a refusal.
import { describe, expect, it } from 'vitest';
import { anchored, compileMatchers, matchesEmpty } from '../../../fixtures/platform/victoriametrics/matchers.ts';
import { QueryError } from '../../../fixtures/platform/victoriametrics/query-error.ts';

describe('anchored', () => {
  it.each([
    ['a|b', 'a', true],
    ['a|b', 'ab', false],
    ['a.c', 'a\nc', true],
    ['a\\.c', 'abc', false],
    ['web\\-[0-9]+', 'web-12', true],
    ['[]a]+', 'a]', true],
    ['[^]a]', ']', false],
    ['[[:alpha:]_]+', 'ab_', true],
    ['[[:digit:]]', 'a', false],
    ['(?i)ProD', 'pROd', true],
    ['(?P<x>a)(?:b)', 'ab', true],
    ['\\Aa\\z', 'a', true],
    ['\\s', '\u00a0', false],
    ['\\S', '\u00a0', true],
    ['[\\s-]+', ' -\t', true],
    ['é+', 'éé', true],
    ['.', '😀', true],
    ['a{2,3}', 'aaa', true],
    ['', '', true],
  ])('%s against %j: %s', (pattern, text, matches) => {
    expect(anchored(pattern).test(text)).toBe(matches);
  });

  it.each(['(', '[a', 'a**', '(?=a)', '(?!a)', '(?<=a)b', '(a)\\1', '\\p{L}', '[[:nope:]]', '(?m)a'])(
    'refuses %s',
    (pattern) => {
      expect(() => anchored(pattern)).toThrow(QueryError);
    },
  );
});

describe('matchers', () => {
  it('all have to hold, and an absent label is empty', () => {
    const matches = compileMatchers([
      { label: 'a', operator: '=~', value: 'x.*' },
      { label: 'b', operator: '!~', value: '.+' },
      { label: 'c', operator: '!=', value: 'z' },
    ]);
    expect(matches({ a: 'xy' })).toBe(true);
    expect(matches({ a: 'xy', b: 'q' })).toBe(false);
    expect(matches({ a: 'xy', c: 'z' })).toBe(false);
    expect(matches({ c: 'y' })).toBe(false);
  });

  it('tell which of them let series without the label through', () => {
    expect(matchesEmpty({ label: 'a', operator: '=~', value: '.*' })).toBe(true);
    expect(matchesEmpty({ label: 'a', operator: '=~', value: '.+' })).toBe(false);
    expect(matchesEmpty({ label: 'a', operator: '!=', value: 'x' })).toBe(true);
    expect(matchesEmpty({ label: 'a', operator: '!=', value: '' })).toBe(false);
  });
});

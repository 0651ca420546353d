// Label values and selectors: whatever text comes in, only matchers come out.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseQuery } from '../../fixtures/platform/victoriametrics/parse.ts';
import { unquoted } from '../../fixtures/platform/victoriametrics/unquote.ts';
import { checkSelector, labelValue, selectorWith } from '../../shared/core/promql.ts';

const anyText = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.constantFrom('"', '\\', '\n', '{', '}', ',', '=', "'", '#', 'x') }),
);

describe('labelValue', () => {
  it('quotes what a PromQL parser unquotes to the same text', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(unquoted(labelValue(text))).toBe(text);
      }),
    );
  });

  it('gives printable ASCII only', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(labelValue(text)).toMatch(/^"[ -~]*"$/);
      }),
    );
  });

  it('escapes quotes, backslashes, line ends, controls and characters beyond ASCII', () => {
    expect(labelValue('a"b\\c\nd\te')).toBe('"a\\"b\\\\c\\nd\\u0009e"');
    expect(labelValue('é😀')).toBe('"\\u00e9\\U0001f600"');
  });

  it('replaces a lone surrogate, which no server could take', () => {
    expect(labelValue('\ud800x')).toBe('"\\ufffdx"');
  });
});

describe('selectorWith', () => {
  it('puts exact matchers before the selector of the policy, with or without braces', () => {
    expect(selectorWith({ namespace: 'shop' }, 'cluster="prod"')).toBe('namespace="shop",cluster="prod"');
    expect(selectorWith({ namespace: 'shop' }, ' { cluster="prod" , } ')).toBe('namespace="shop",cluster="prod"');
    expect(selectorWith({ namespace: 'shop' }, '')).toBe('namespace="shop"');
    expect(selectorWith({}, '{}')).toBe('');
  });

  it('keeps braces that belong to a value', () => {
    expect(selectorWith({}, 'a="{",b="}"')).toBe('a="{",b="}"');
  });

  it('stays one selector with the matchers that were given, whatever the value', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const expression = parseQuery(`m{${selectorWith({ namespace: text, pod: 'p' }, '{cluster="prod"}')}}`);
        expect(expression).toEqual({
          type: 'selector',
          offsetMs: 0,
          matchers: [
            { label: '__name__', operator: '=', value: 'm' },
            { label: 'namespace', operator: '=', value: text },
            { label: 'pod', operator: '=', value: 'p' },
            { label: 'cluster', operator: '=', value: 'prod' },
          ],
        });
      }),
    );
  });

  it('refuses a name that is no label name', () => {
    expect(() => selectorWith({ 'a"b': 'x' }, '')).toThrow('not a label name');
  });
});

describe('checkSelector', () => {
  it.each([
    '',
    '  ',
    '{}',
    'cluster="prod"',
    "cluster='prod'",
    '{cluster="prod",env=~"live|test"}',
    ' a != "b" ,\n c !~ "d.*" , ',
    'a="quote \\" brace } comma , backslash \\\\ \\u00e9 \\x41 \\101 \\U0001f600"',
    'a="ünïcode # not a comment"',
  ])('accepts %j', (selector) => {
    expect(checkSelector(selector)).toBeUndefined();
    // What is accepted is one selector for the server's grammar too.
    expect(parseQuery(`m{${selectorWith({}, selector)}}`).type).toBe('selector');
  });

  it.each([
    ['cluster', 'Expected one of = != =~ !~ at character 8, found the end.'],
    ['cluster=prod', 'Expected a value in quotes at character 9, found "prod".'],
    ['cluster=="prod"', 'Expected one of = != =~ !~ at character 8, found "==\\"prod\\"".'],
    ['{cluster="prod"', 'Expected a comma or the closing brace at character 16, found the end.'],
    ['cluster="prod"}', 'Expected a comma or the end at character 15, found "}".'],
    ['{a="b"} or {c="d"}', 'Expected nothing after the closing brace at character 9, found "or {c=\\"d\\"}".'],
    ['a="b" or c="d"', 'Expected a comma or the end at character 7, found "or c=\\"d\\"".'],
    ['a="b', 'The value that opens at character 3 has no closing ".'],
    ['a="b\n"', 'The value that opens at character 3 has no closing ".'],
    ['a="b"[5m]', 'Expected a comma or the end at character 6, found "[5m]".'],
    ['up{a="b"}', 'Expected one of = != =~ !~ at character 3, found "{a=\\"b\\"}".'],
    [',', 'Expected a label name at character 1, found ",".'],
    ['a="b",,c="d"', 'Expected a label name at character 7, found ",c=\\"d\\"".'],
    ['a="b" # c', 'Expected a comma or the end at character 7, found "# c".'],
    ['1a="b"', 'Expected a label name at character 1, found "1a=\\"b\\"".'],
  ])('refuses %j and says where', (selector, sentence) => {
    expect(checkSelector(selector)).toBe(sentence);
  });

  it.each(['a="\\d"', 'a="\\\'"', 'a="\\ud800"', 'a="\\U00110000"', 'a="\\400"', 'a="\\x4"'])(
    'refuses the escape in %j, which PromQL does not know',
    (selector) => {
      expect(checkSelector(selector)).toContain('an escape that PromQL knows');
    },
  );

  it('refuses a matcher for the metric name', () => {
    expect(checkSelector('__name__="up"')).toContain('must not match __name__');
  });

  it('accepts no text that is more than matchers for the server', () => {
    const pieces = fc.constantFrom(
      'a',
      '=',
      '"b"',
      '"',
      '{',
      '}',
      ',',
      '=~',
      '(',
      ')',
      ' or ',
      '[5m]',
      '#',
      '\n',
      '\\',
      "'",
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 9 }), (parts) => {
        const text = parts.join('');
        fc.pre(checkSelector(text) === undefined);
        expect(parseQuery(`m{${selectorWith({ z: '1' }, text)}}`).type).toBe('selector');
      }),
      { numRuns: 3000 },
    );
  });
});

// Tables in a terminal: columns stay aligned for every script, lines stay within the width, foreign text stays text.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { renderTable, textWidth } from '../../shared/core/table.ts';

describe('a table', () => {
  it('aligns its columns and leaves no spaces at the end', () => {
    const table = renderTable(
      ['pod', 'verdict', 'reason'],
      [
        ['checkout', 'act', 'memory over 90%'],
        ['a', 'skip', ''],
      ],
    );
    expect(table).toBe(
      ['pod       verdict  reason', 'checkout  act      memory over 90%', 'a         skip'].join('\n'),
    );
  });

  it('has a header without rows, empty cells where some are missing, and columns beyond the header', () => {
    expect(renderTable(['a', 'b'], [])).toBe('a  b');
    expect(renderTable(['a', 'b'], [['x'], ['1', '2', '3'], []])).toBe(['a  b', 'x', '1  2  3', ''].join('\n'));
    expect(renderTable([], [])).toBe('');
  });

  it('aligns wide characters, marks and emoji', () => {
    const table = renderTable(
      ['name', 'x'],
      [
        ['日本', '1'],
        ['e\u0301te\u0301', '2'],
        ['✅ ok', '3'],
        ['👨‍👩‍👧', '4'],
      ],
    );
    expect(table).toBe(['name   x', '日本   1', 'e\u0301te\u0301    2', '✅ ok  3', '👨‍👩‍👧     4'].join('\n'));
  });

  it('gives way in its widest column first', () => {
    const rows = [['web-1', 'x'.repeat(100), 'skip']];
    expect(renderTable(['pod', 'reason', 'verdict'], rows, { maxWidth: 30 }).split('\n')).toEqual([
      'pod    reason          verdict',
      `web-1  ${'x'.repeat(13)}…  skip`,
    ]);
  });

  it('shares what is left between columns of equal need', () => {
    const table = renderTable(['a'.repeat(20), 'b'.repeat(20)], [], { maxWidth: 13 });
    expect(table).toBe('aaaaa…  bbbb…');
  });

  it('cuts wide characters whole', () => {
    expect(renderTable(['日本語日本語'], [], { maxWidth: 6 })).toBe('日本…');
    expect(renderTable(['日本語日本語'], [], { maxWidth: 7 })).toBe('日本語…');
  });

  it('is not narrowed where the width is not known', () => {
    expect(renderTable(['x'.repeat(300)], [], { maxWidth: 0 })).toBe('x'.repeat(300));
  });
});

describe('foreign text', () => {
  it.each([
    ['a\u001b[31mred\u001b[0m', 'ared'],
    ['\u001b]8;;https://evil.example\u0007click\u001b]8;;\u0007', 'click'],
    ['\u001b]0;title\u001b\\x', 'x'],
    ['a\u001b\u001b[0m[2Jb', 'a[2Jb'],
    ['line\r\nbreak\ttab', 'line break tab'],
    ['a\u2028b\u0085c', 'a b c'],
    ['back\b\b\u0000\u007f\u009b', 'back'],
    ['user\u202egnp.exe\u2066\u200b', 'usergnp.exe'],
    ['lone \ud800', 'lone \ufffd'],
    ['  spaces  ', 'spaces'],
  ])('%j is shown as %j', (cell, shown) => {
    expect(renderTable([cell], [])).toBe(shown);
  });
});

describe('whatever the cells are', () => {
  const cell = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 30 }),
    fc.string({ unit: 'binary', maxLength: 30 }),
    fc.string({
      unit: fc.constantFrom('a', ' ', '日', '✅', 'e\u0301', '\u001b', '[', 'm', '\n', '\u202e', '👨‍👩‍👧', '❤\ufe0f'),
      maxLength: 30,
    }),
  );
  const rows = fc.array(fc.array(cell, { maxLength: 5 }), { maxLength: 6 });

  it('there is one line for each row, none of them wider than allowed, and no control in them', () => {
    fc.assert(
      fc.property(fc.array(cell, { maxLength: 5 }), rows, fc.integer({ min: 1, max: 60 }), (header, body, maxWidth) => {
        const lines = renderTable(header, body, { maxWidth }).split('\n');
        expect(lines).toHaveLength(body.length + 1);
        for (const line of lines) {
          expect(textWidth(line)).toBeLessThanOrEqual(maxWidth);
          expect(line).not.toMatch(/[\p{Cc}\u202a-\u202e\u2066-\u2069\u2028\u2029]/u);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('the last column begins at the same place in every line', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(cell, cell), { minLength: 1, maxLength: 6 }), (body) => {
        const marked = body.map(([a, b]) => [a, b, '#END']);
        const places = renderTable(['a', 'b', '#END'], marked)
          .split('\n')
          .map((line) => textWidth(line.slice(0, line.lastIndexOf('#END'))));
        expect(new Set(places).size).toBe(1);
      }),
    );
  });
});

it.each([
  ['', 0],
  ['abc', 3],
  ['é', 1],
  ['e\u0301', 1],
  ['日本', 4],
  ['한글', 4],
  ['ｱ', 1],
  ['Ａ', 2],
  ['…→─', 3],
  ['✅', 2],
  ['⚠', 1],
  ['⚠\ufe0f', 2],
  ['🇩🇪', 2],
  ['👍🏽', 2],
  ['𠮷', 2],
])('%j takes %d columns', (text, width) => {
  expect(textWidth(text)).toBe(width);
});

it('takes Latin, dashes, quotes and arrows for as wide as they are beside a wide character', () => {
  const range = (from: number, to: number): string[] =>
    Array.from({ length: to - from }, (_, index) => String.fromCharCode(from + index));
  const other = [...range(0x20, 0x250), ...range(0x2010, 0x2200)].filter(
    (character) => textWidth(character) !== textWidth(`${character}漢`) - textWidth('漢'),
  );
  expect(other).toEqual([]);
});

// Blocks as an Atlassian Document: what people read, that Jira takes any of them, and that its limit holds.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { refusedDocument } from '../../../fixtures/platform/jira/adf.ts';
import { adfDocument, adfText, referenceText } from '../../../shared/adapters/jira/adf.ts';
import { type Block, bold, code, paragraph, type Span, text } from '../../../shared/core/document.ts';

describe('a document', () => {
  it('holds paragraphs, lists, code and tables in their own nodes', () => {
    const document = adfDocument([
      paragraph(text('In '), code('shop'), bold(' now'), { text: ' here', url: 'https://example.com/a' }),
      { kind: 'list', lines: [[text('one')], [text('two')]] },
      { kind: 'code', text: '{\n\t"a": 1\n}' },
      { kind: 'table', header: ['pod'], rows: [['cart', '500m']] },
    ]);

    expect(document).toEqual({
      type: 'doc',
      version: 1,
      content: [
        {
          type: 'paragraph',
          content: [
            { type: 'text', text: 'In ' },
            { type: 'text', text: 'shop', marks: [{ type: 'code' }] },
            { type: 'text', text: ' now', marks: [{ type: 'strong' }] },
            { type: 'text', text: ' here', marks: [{ type: 'link', attrs: { href: 'https://example.com/a' } }] },
          ],
        },
        {
          type: 'bulletList',
          content: ['one', 'two'].map((item) => ({ type: 'listItem', content: [inParagraph(item)] })),
        },
        { type: 'codeBlock', content: [{ type: 'text', text: '{\n\t"a": 1\n}' }] },
        {
          type: 'table',
          content: [
            { type: 'tableRow', content: [cell('tableHeader', 'pod'), cell('tableHeader', '')] },
            { type: 'tableRow', content: [cell('tableCell', 'cart'), cell('tableCell', '500m')] },
          ],
        },
      ],
    });
  });

  it('shows an issue by its text, and no address that is not of the web as a link', () => {
    const document = adfDocument([
      paragraph({ issue: 'f1', text: 'issue' }, { text: ' x', url: 'javascript:alert(1)' }),
    ]);

    expect(document.content).toEqual([{ type: 'paragraph', content: [plain('issue'), plain(' x')] }]);
  });

  it('ends with its reference', () => {
    const document = adfDocument([paragraph(text('Still so.'))], 'entry-1');

    expect(adfText(document)).toBe(`Still so.\n${referenceText('entry-1')}`);
  });

  it('shows hidden characters in code, and keeps text on one line without them', () => {
    const document = adfDocument([paragraph(text('a\nb\u202Ec')), { kind: 'code', text: 'a\r\nb\u202Ec' }]);

    expect(adfText(document)).toBe('a b c\na\nb\uFFFDc');
  });

  it('over the limit keeps what comes first and says how much is left out', () => {
    const lines = Array.from({ length: 1000 }, (_, index) => [text(`line ${index} ${'x'.repeat(50)}`)]);

    const document = adfDocument([{ kind: 'list', lines }, paragraph(text('end'))], 'entry-1');

    const shown = adfText(document);
    const kept = shown.match(/^line/gm)?.length ?? 0;
    expect(kept).toBeGreaterThan(100);
    expect(shown.split('\n').slice(-2)).toEqual([
      `… ${1001 - kept} more lines left out: Jira takes at most 32,767 characters.`,
      'ref: entry-1',
    ]);
  });

  it('of one endless line shows its beginning', () => {
    const shown = adfText(adfDocument([{ kind: 'code', text: 'x'.repeat(100_000) }, paragraph(text('end'))]));

    expect(shown).toMatch(/^x{8000}…\nend$/);
  });
});

describe('any document', () => {
  it('is one that Jira takes, within its limit, with the reference last', () => {
    fc.assert(
      fc.property(fc.array(anyBlock, { maxLength: 30 }), (blocks) => {
        const document = adfDocument(blocks, 'entry-1');
        expect(refusedDocument(document)).toBeUndefined();
        expect(JSON.stringify(document).length).toBeLessThanOrEqual(32_767);
        expect(adfText(document).split('\n').at(-1)).toBe('ref: entry-1');
        expect(JSON.stringify(document)).not.toMatch(/[\u202A-\u202E\u200B\uFEFF]|"(?:mention|inlineCard|emoji)"/);
      }),
      // Shrinking documents of this size takes minutes.
      { numRuns: 200, endOnFailure: true },
    );
  });
});

const hostile = fc.oneof(
  fc.constantFrom('<', '&', '*', '{code}', '[~user]', '@here', '\n', '\r', '\t', '"', '\\', '|', '!a.png!'),
  fc.constantFrom('\u202E', '\u200B', '\u2028', '\uFEFF', '\u0000', '\uD800', '😀'),
  fc.string({ minLength: 1, maxLength: 4 }),
);
const hostileText = fc.string({ unit: hostile, maxLength: 40 });
const longText = fc.oneof(hostileText, fc.string({ unit: hostile, minLength: 2000, maxLength: 6000 }));
const anySpan: fc.Arbitrary<Span> = fc.oneof(
  longText.map((value) => ({ text: value })),
  hostileText.map((value) => ({ text: value, style: 'code' as const, url: 'https://example.com' })),
  hostileText.map((value) => ({ text: value, style: 'bold' as const })),
  fc.record({ text: hostileText, issue: fc.constant('f1') }),
);
const anyLine = fc.array(anySpan, { maxLength: 4 });
const anyBlock: fc.Arbitrary<Block> = fc.oneof(
  fc.record({ kind: fc.constant('paragraph' as const), line: anyLine }),
  fc.record({ kind: fc.constant('list' as const), lines: fc.array(anyLine, { maxLength: 10 }) }),
  fc.record({ kind: fc.constant('code' as const), text: longText }),
  fc.record({
    kind: fc.constant('table' as const),
    header: fc.array(hostileText, { maxLength: 3 }),
    rows: fc.array(fc.array(hostileText, { maxLength: 4 }), { maxLength: 8 }),
  }),
);

function plain(value: string): unknown {
  return { type: 'text', text: value };
}

function inParagraph(value: string): unknown {
  return { type: 'paragraph', content: value === '' ? [] : [plain(value)] };
}

function cell(type: string, value: string): unknown {
  return { type, content: [inParagraph(value)] };
}

// A message as Slack blocks: what people read, that foreign text stays text, and that Slack's limits hold for any message.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { refusedBlocks } from '../../../fixtures/platform/slack/blocks.ts';
import { renderMessage, type RenderedMessage } from '../../../shared/adapters/slack/blocks.ts';
import {
  type Block,
  bold,
  code,
  type Message,
  MESSAGE_CODE_CHARACTERS,
  paragraph,
  type Span,
  text,
} from '../../../shared/core/document.ts';

function sections(rendered: RenderedMessage): readonly string[] {
  return rendered.blocks.flatMap((block) => (block.type === 'section' ? [block.text.text] : []));
}

function sectionsOf(...blocks: Block[]): readonly string[] {
  return sections(renderMessage({ title: 'title', blocks }, {}));
}

function lineOf(...spans: Span[]): string | undefined {
  return sectionsOf(paragraph(...spans))[0];
}

/** What Slack shows of a fenced block: its text, unescaped once. */
function shownCode(section: string | undefined): string {
  const inner = /^```\n([^]*)\n```$/.exec(section ?? '')?.[1] ?? '';
  return inner.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
}

describe('a message', () => {
  it('becomes a header, a section for each paragraph and list, and a fenced block for code and tables', () => {
    const message: Message = {
      title: '✅ Resource Rebalance Completed',
      blocks: [
        paragraph(text('In '), code('shop'), text(' of '), bold('prod'), text('.')),
        { kind: 'list', lines: [[text('one')], [text('two')]] },
        { kind: 'code', text: '{"a":1}' },
        { kind: 'table', header: ['pod', 'cpu'], rows: [['cart', '500m']] },
      ],
    };

    expect(renderMessage(message, {}).blocks).toEqual([
      { type: 'header', text: { type: 'plain_text', text: '✅ Resource Rebalance Completed', emoji: true } },
      section('In `shop` of *prod*.'),
      section('• one\n• two'),
      section('```\n{"a":1}\n```'),
      section('```\npod   cpu\ncart  500m\n```'),
    ]);
  });

  it('has a header within 150 characters, on one line', () => {
    const [header] = renderMessage({ title: `a\nb ${'x'.repeat(200)}`, blocks: [] }, {}).blocks;

    const shown = header?.type === 'header' ? header.text.text : '';
    expect(shown).toMatch(/^a b x+…$/);
    expect(shown).toHaveLength(150);
  });

  it('links an issue by its address with its key, and shows its text alone until the address is known', () => {
    const blocks = [paragraph(text('See '), { issue: 'f1', text: 'the issue' })];
    const links = { f1: { key: 'OPS-1', url: 'https://jira.example.com/browse/OPS-1?a=1&b=2' } };

    expect(sections(renderMessage({ title: 't', blocks }, links))).toEqual([
      'See <https://jira.example.com/browse/OPS-1?a=1&amp;b=2|the issue OPS-1>',
    ]);
    expect(sections(renderMessage({ title: 't', blocks }, {}))).toEqual(['See the issue']);
  });

  it('says how many lines were left out when Slack would refuse the whole', () => {
    const lines = Array.from({ length: 400 }, (_, index) => [text(`line ${index} ${'x'.repeat(60)}`)]);

    const rendered = renderMessage({ title: 't', blocks: [{ kind: 'list', lines }, paragraph(text('end'))] }, {});

    const shown =
      sections(rendered)
        .join('\n')
        .match(/• line/g)?.length ?? 0;
    expect(sections(rendered).at(-1)).toBe(`… ${401 - shown} more lines left out.`);
    expect(shown).toBeGreaterThan(150);
    expect(refusedBlocks(rendered.blocks)).toBeUndefined();
  });

  it('has at most 50 blocks, the note included', () => {
    const blocks = Array.from({ length: 80 }, (_, index) => paragraph(text(`p${index}`)));

    const rendered = renderMessage({ title: 't', blocks }, {});

    expect(rendered.blocks).toHaveLength(50);
    expect(sections(rendered).at(-1)).toBe('… 32 more lines left out.');
  });
});

describe('foreign text', () => {
  it.each([
    ['<!channel> <@U123> <#C1|x>', '&lt;!channel&gt; &lt;@U123&gt; &lt;#C1|x&gt;'],
    ['a & b &lt; c', 'a &amp; b &amp;lt; c'],
    ['*b* _i_ ~s~ `c`', '∗b∗ ˍiˍ ∼s∼ ˋcˋ'],
    ['my_pod_1 and 2*3 and 2 * 3', 'my_pod_1 and 2*3 and 2 * 3'],
    ['@here and @channel', '@\u200Bhere and @\u200Bchannel'],
    ['mail@example.com', 'mail@example.com'],
    [':fire: 10:30 a:b', ':\u200Bfire: 10:30 a:b'],
    ['> quoted', '\u200B&gt; quoted'],
    ['one\ntwo\u202Ethree\u200Bfour\u0007', 'one two three four '],
    ['\uD800 alone', '\uFFFD alone'],
  ])('%j is shown as it is written', (raw, rendered) => {
    expect(lineOf(text(raw))).toBe(rendered);
  });

  it('cannot leave a code span or a bold one', () => {
    expect(lineOf(code('a`b` <x>'))).toBe('`aˋbˋ &lt;x&gt;`');
    expect(lineOf(bold('a*b'))).toBe('*a∗b*');
  });

  it('is not put together from harmless parts', () => {
    expect(lineOf(text('@'), text('here'))).toBe('@\u200Bhere');
    expect(lineOf(text(':fi'), { issue: 'unknown', text: 're:' })).toBe(':\u200Bfire:');
  });

  it('keeps marks working where text touches them, and blanks outside of them', () => {
    expect(lineOf(text('pod'), code('a'), code('b'), text('s'))).toBe('pod\u200B`a`\u200B`b`\u200Bs');
    expect(lineOf(text('('), code('a'), text('):'))).toBe('(`a`):');
    expect(lineOf(bold(' a '), text('b'))).toBe(' *a* b');
    expect(lineOf(code('  '), text('b'))).toBe(' b');
  });

  it.each([
    ['javascript:alert(1)', 'x'],
    ['not an address', 'x'],
    ['https://example.com/a|b>c', '<https://example.com/a%7Cb%3Ec|x>'],
  ])('as the address %j gives %j', (url, rendered) => {
    expect(lineOf({ text: 'x', url })).toBe(rendered);
  });

  it('never holds an unescaped control character of Slack, a ping or a hidden character', () => {
    fc.assert(
      fc.property(fc.array(plainSpan, { minLength: 1, maxLength: 6 }), (spans) => {
        const line = lineOf(...spans) ?? '';
        const withoutOurs = line.replaceAll('\u200B', '');
        expect(line).not.toMatch(/[<>]/);
        expect(line).not.toMatch(/&(?!(?:amp|lt|gt);)/);
        expect(line).not.toMatch(/@(?:here|channel|everyone)/);
        expect(line).not.toMatch(/^&gt;/);
        expect(line).not.toMatch(/:[a-z0-9_+'-]+:/);
        expect(withoutOurs).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}]/u);
        // No mark stands at the edge of a word, where it would count.
        expect(line).not.toMatch(/(?:^|[^\p{L}\p{N}])[*_~](?! )|[*_~](?:$|[^\p{L}\p{N} ])|`/u);
      }),
      { numRuns: 500 },
    );
  });
});

describe('a code block', () => {
  it('shows JSON that parses to the same value, whatever its strings hold', () => {
    fc.assert(
      fc.property(hostileJson, fc.constantFrom(0, 2), (value, indent) => {
        const json = JSON.stringify(value, undefined, indent);
        fc.pre(json.length < 400);
        const [section = '', ...others] = sectionsOf({ kind: 'code', text: json });
        expect(others).toEqual([]);
        expect(section.slice(3, -3)).not.toContain('```');
        expect(section).not.toMatch(/[<>]|[\u202A-\u202E\u2066-\u2069\u200B]/);
        expect(JSON.parse(shownCode(section))).toEqual(JSON.parse(json));
      }),
      { numRuns: 500 },
    );
  });

  it('of the longest size that duties may use stands in one section', () => {
    const json = JSON.stringify({ text: 'x'.repeat(MESSAGE_CODE_CHARACTERS - 11) });
    expect(json).toHaveLength(MESSAGE_CODE_CHARACTERS);

    const all = sectionsOf({ kind: 'code', text: json });

    expect(all).toHaveLength(1);
    expect(JSON.parse(shownCode(all[0]))).toEqual(JSON.parse(json));
  });

  it('that is longer goes on in the next section, whole', () => {
    const lines = Array.from({ length: 300 }, (_, index) => `line ${index} <&>`).join('\n');

    const all = sectionsOf({ kind: 'code', text: lines });

    expect(all.length).toBeGreaterThan(1);
    expect(all.map(shownCode).join('\n')).toBe(lines);
  });

  it('breaks a line that is too long, never inside an escape', () => {
    const all = sectionsOf({ kind: 'code', text: '<'.repeat(1500) });

    expect(all.map(shownCode).join('')).toBe('<'.repeat(1500));
  });

  it('cannot end its fence, and shows hidden characters in plain text', () => {
    expect(sectionsOf({ kind: 'code', text: 'a\n```\n*b* \u202E\tc' })).toEqual(['```\na\n``ˋ\n*b* \uFFFD\tc\n```']);
  });
});

describe('any message', () => {
  it('is one that Slack takes', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: hostile, maxLength: 300 }),
        fc.array(anyBlock, { maxLength: 70 }),
        (title, blocks) => {
          const rendered = renderMessage(
            { title, blocks },
            { f1: { key: 'OPS-1', url: 'https://jira.example.com/x' } },
          );
          expect(refusedBlocks(rendered.blocks)).toBeUndefined();
          expect(Buffer.byteLength(rendered.text)).toBeLessThanOrEqual(2000);
          expect(rendered.text).not.toBe('');
        },
      ),
      // Shrinking messages of this size takes minutes.
      { numRuns: 200, endOnFailure: true },
    );
  });
});

const hostile = fc.oneof(
  fc.constantFrom('<', '>', '&', '*', '_', '~', '`', '```', '@here', '<!channel>', ':fire:', '\n', '\r', '\t', ' '),
  fc.constantFrom('\u202E', '\u200B', '\u2028', '\uFEFF', '\u0000', '\uD800', '&lt;', '|', '😀', '→', 'é', '"', '\\'),
  fc.string({ minLength: 1, maxLength: 4 }),
);
const hostileText = fc.string({ unit: hostile, maxLength: 40 });
const hostileJson = fc
  .jsonValue({ depthSize: 'small' })
  .chain((value) => fc.dictionary(hostileText, hostileText, { maxKeys: 4 }).map((extra) => ({ value, extra })));
const plainSpan = hostileText.map((value): Span => ({ text: value }));
const longText = fc.oneof(hostileText, fc.string({ unit: hostile, minLength: 500, maxLength: 2000 }));
const anySpan: fc.Arbitrary<Span> = fc.oneof(
  longText.map((value) => ({ text: value })),
  longText.map((value) => ({ text: value, style: 'code' as const })),
  longText.map((value) => ({ text: value, style: 'bold' as const })),
  fc.record({ text: hostileText, url: fc.oneof(fc.webUrl(), hostileText) }),
  fc.record({ text: hostileText, issue: fc.constantFrom('f1', 'f2') }),
);
const anyLine = fc.array(anySpan, { maxLength: 4 });
const anyBlock: fc.Arbitrary<Block> = fc.oneof(
  fc.record({ kind: fc.constant('paragraph' as const), line: anyLine }),
  fc.record({ kind: fc.constant('list' as const), lines: fc.array(anyLine, { maxLength: 10 }) }),
  fc.record({ kind: fc.constant('code' as const), text: longText }),
  fc.record({
    kind: fc.constant('table' as const),
    header: fc.array(hostileText, { maxLength: 3 }),
    rows: fc.array(fc.array(hostileText, { maxLength: 3 }), { maxLength: 5 }),
  }),
);

function section(value: string): unknown {
  return { type: 'section', text: { type: 'mrkdwn', text: value, verbatim: true } };
}

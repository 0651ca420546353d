// The check on a model's words: every true sentence passes, false ones do not. The figures are printed for who wants to compare.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkWording } from '../../../shared/core/wording/check.ts';
import type { Evidence } from '../../../shared/core/wording/evidence.ts';
import { type Generated, generated, MUTATIONS, trueSentence } from './generated.ts';

const RUNS = 1500;

interface Drawn {
  readonly given: Generated;
  readonly sentence: string;
  readonly draw: (count: number) => number;
}

/** A number source of its own for each example, so that the examples are the same in each run. */
function drawFrom(seed: number): (count: number) => number {
  let state = seed;
  return (count) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * count);
  };
}

function examples(seed: number): readonly (Drawn & {
  readonly given: fc.Arbitrary<unknown> extends never ? never : Parameters<typeof trueSentence>[0];
})[] {
  return fc.sample(fc.tuple(generated, fc.nat()), { numRuns: RUNS, seed }).map(([given, start]) => {
    const draw = drawFrom(start + 1);
    const chosen = given.subjects[draw(given.subjects.length)];
    if (chosen === undefined) {
      throw new Error('Evidence has at least two subjects.');
    }
    return { given, draw, sentence: trueSentence(given, chosen, draw) };
  });
}

test('no true sentence is refused', () => {
  const refused = examples(1).flatMap(({ given, sentence }) => {
    const checked = checkWording(sentence, given.evidence);
    return checked.ok ? [] : [`${sentence} → ${checked.why}`];
  });

  console.log(`true sentences: ${String(RUNS)}, refused: ${String(refused.length)}`);
  expect(refused.slice(0, 10)).toEqual([]);
});

test('at least 99 of 100 mutations are caught, and each kind nearly always', () => {
  const figures = new Map<string, { made: number; missed: string[] }>();
  for (const { given, draw, sentence } of examples(2)) {
    for (const [name, mutate] of Object.entries(MUTATIONS)) {
      const mutated = mutate(sentence, given, draw);
      if (mutated === undefined) {
        continue;
      }
      const figure = figures.get(name) ?? { made: 0, missed: [] };
      figures.set(name, figure);
      figure.made += 1;
      if (checkWording(mutated, given.evidence).ok) {
        figure.missed.push(`${sentence} ⇒ ${mutated}`);
      }
    }
  }
  const all = [...figures.values()];
  const made = all.reduce((sum, figure) => sum + figure.made, 0);
  const missed = all.reduce((sum, figure) => sum + figure.missed.length, 0);

  console.log(`mutations: ${String(made)}, caught: ${((1 - missed / made) * 100).toFixed(3)}%`);
  for (const [name, figure] of figures) {
    console.log(`  ${name}: ${String(figure.made - figure.missed.length)} of ${String(figure.made)}`);
  }
  expect([...figures.keys()].sort()).toEqual(Object.keys(MUTATIONS).sort());
  expect(missed / made, all.flatMap((figure) => figure.missed.slice(0, 5)).join('\n')).toBeLessThan(0.01);
  const worst = [...figures].filter(([, figure]) => figure.missed.length / figure.made > 0.03);
  expect(worst.map(([name, figure]) => [name, figure.missed.slice(0, 3)])).toEqual([]);
});

const EVIDENCE: Evidence = {
  names: ['shop', 'prod'],
  facts: [
    { unit: 'count', value: 4, said: ['scanned'], wholeOf: 'pods' },
    { unit: 'count', value: 0, said: ['skipped'] },
    { unit: 'time', value: '2026-03-04T10:00:00.000Z' },
  ],
  lines: [],
  items: [
    {
      names: ['api-1'],
      facts: [
        { unit: 'share', value: 0.934, said: ['memory limit'] },
        { unit: 'bytes', value: 1280 * 1024 ** 2, said: ['memory limit'] },
        { unit: 'bytes', value: 1_234_567_890, said: ['memory average'], isMeasured: true },
        { unit: 'count', value: 2, said: ['OOM-killed', 'OOM kills'] },
      ],
      states: [],
      deeds: [],
      line: '',
    },
  ],
  links: ['OPS-7'],
};

describe('a number', () => {
  test.each([
    'api-1 used 93% of its memory limit.',
    'api-1 used 93.4% of its memory limit.',
    'The memory limit of api-1 is 1280Mi.',
    'The memory limit of api-1 is 1.25Gi.',
    'Its memory average was 1.1 GiB on api-1.',
    'api-1 was OOM-killed twice.',
    'Nothing was skipped.',
    'See OPS-7.',
    'It was read on 2026-03-04 at 10:00.',
  ])('that is true passes: %s', (text) => {
    expect(checkWording(text, EVIDENCE)).toEqual({ ok: true });
  });

  test.each([
    'api-1 used 95% of its memory limit.',
    'api-1 used about 95% of its memory limit.',
    'api-1 used 93.5% of its memory limit.',
    'api-1 used 93% of its CPU limit.',
    'The memory limit of api-1 is 1280 MB.',
    'The memory limit of api-1 is 1.3Gi.',
    'api-1 was OOM-killed three times.',
    'api-1 was OOM-killed for the third time.',
    'api-1 was not OOM-killed twice.',
    'api-1 had 2 restarts.',
    'Nothing was scanned.',
    'See OPS-8.',
    'It was read on 2026-03-05.',
    'It was read on Monday.',
    'api-1 uses half of its memory limit.',
  ])('that is not does not: %s', (text) => {
    expect(checkWording(text, EVIDENCE)).toMatchObject({ ok: false });
  });
});

test.each([
  ['an empty text', ' '],
  ['another language', 'El pod api-1 fue reiniciado.'],
  ['another script', 'api-1 перезапущен.'],
  ['invisible characters', 'api-1 used 93% of its memory\u200B limit.'],
  ['a mention', '<@U123> api-1 used 93% of its memory limit.'],
  ['markdown', 'api-1 used *93%* of its memory limit.'],
  ['a code span', '`api-1` used 93% of its memory limit.'],
  ['a link', 'See www.example.com.'],
  ['an address of mail', 'Write to ops@example.com.'],
  ['five sentences', 'It was read. It was read. It was read. It was read. It was read.'],
  ['a long text', 'It was read and '.repeat(60)],
  ['a sentence about nothing', 'The data is not available yet.'],
  ['one beside a true one', 'api-1 was OOM-killed twice. There is more to come.'],
])('%s is refused', (_, text) => {
  expect(checkWording(text, EVIDENCE)).toMatchObject({ ok: false });
});

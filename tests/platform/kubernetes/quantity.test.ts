// The double's own reading of quantities: the API server's spelling, and no loss.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatQuantity, parseQuantity, quantity } from '../../../fixtures/platform/kubernetes/quantity.ts';

test.each([
  ['0', '0'],
  ['1000m', '1'],
  ['0.5', '500m'],
  ['1.5Gi', '1536Mi'],
  ['1024Mi', '1Gi'],
  ['1000Ki', '1000Ki'],
  ['1024', '1024'],
  ['1000', '1k'],
  ['100000000', '100M'],
  ['512Ki', '512Ki'],
  ['0.5Ki', '512'],
  ['1.0001Ki', '1024102400u'],
  ['1e3', '1e3'],
  ['12e6', '12e6'],
  ['-0.25', '-250m'],
  ['0.1n', '1n'],
  ['.5', '500m'],
  ['2.', '2'],
])('%s is shown as %s', (text, shown) => {
  expect(formatQuantity(quantity(text))).toBe(shown);
});

test.each(['', 'abc', '1.2.3', '1 Gi', '1gi', 'Gi', '1KiB', '.', '--1', '1e'])('%j is no quantity', (text) => {
  expect(parseQuantity(text)).toBeUndefined();
});

test('what is shown reads back as the same value, and is shown the same again', () => {
  const suffixes = ['', 'n', 'u', 'm', 'k', 'M', 'G', 'Ki', 'Mi', 'Gi', 'Ti', 'e3', 'E-3'];
  fc.assert(
    fc.property(
      fc.nat({ max: 10_000_000 }),
      fc.nat({ max: 999 }),
      fc.constantFrom(...suffixes),
      (whole, part, suffix) => {
        const read = quantity(`${String(whole)}.${String(part).padStart(3, '0')}${suffix}`);
        const shown = formatQuantity(read);
        expect(quantity(shown).nano).toBe(read.nano);
        expect(formatQuantity(quantity(shown))).toBe(shown);
      },
    ),
  );
});

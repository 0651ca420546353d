// Quantities: every suffix read exactly, sizes scaled without float errors, texts printed as the API server prints them.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BugError, CallerError } from '../../shared/core/errors.ts';
import {
  canonicalQuantity,
  cpuMillicores,
  formatCpu,
  formatMemory,
  memoryBytes,
  quantityNano,
  sameQuantity,
  scaleCpu,
  scaleMemory,
  wholePartOfProduct,
} from '../../shared/core/quantity.ts';

const MI = 1024 ** 2;
const GI = 1024 ** 3;

const suffixes: Readonly<Record<string, bigint>> = {
  n: 1n,
  u: 10n ** 3n,
  m: 10n ** 6n,
  '': 10n ** 9n,
  k: 10n ** 12n,
  M: 10n ** 15n,
  G: 10n ** 18n,
  T: 10n ** 21n,
  P: 10n ** 24n,
  E: 10n ** 27n,
  e3: 10n ** 12n,
  'E-3': 10n ** 6n,
  'e+6': 10n ** 15n,
  Ki: 1024n * 10n ** 9n,
  Mi: 1024n ** 2n * 10n ** 9n,
  Gi: 1024n ** 3n * 10n ** 9n,
  Ti: 1024n ** 4n * 10n ** 9n,
  Pi: 1024n ** 5n * 10n ** 9n,
  Ei: 1024n ** 6n * 10n ** 9n,
};

describe('reading', () => {
  it('takes every suffix for its power', () => {
    const suffix = fc.constantFrom(...Object.entries(suffixes).filter(([name]) => name !== 'Ei'));
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 8191 }),
        suffix,
        fc.constantFrom('', '+', '-'),
        (number, [name, unit], sign) => {
          const amount = BigInt(number) * unit;
          expect(quantityNano(`${sign}${number}${name}`)).toBe(sign === '-' ? -amount : amount);
        },
      ),
    );
  });

  it('takes every fraction for its exact part of the suffix, rounded up from nano', () => {
    const suffix = fc.constantFrom(...Object.entries(suffixes).filter(([name]) => name !== 'Ei'));
    const digits = fc.stringMatching(/^[0-9]{1,12}$/);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 8000 }), digits, suffix, (number, fraction, [name, unit]) => {
        const denominator = 10n ** BigInt(fraction.length);
        const numerator = BigInt(`${number}${fraction}`) * unit;
        const nano = quantityNano(`${number}.${fraction}${name}`);
        expect(nano * denominator >= numerator).toBe(true);
        expect((nano - 1n) * denominator < numerator).toBe(true);
      }),
    );
  });

  it.each([
    ['1.5Gi', 1536n * 1024n * 1024n * 10n ** 9n],
    ['.5', 500_000_000n],
    ['5.', 5_000_000_000n],
    ['0.9n', 1n],
    ['-0.9n', -1n],
    ['1e-12', 1n],
    ['1E', 10n ** 27n],
    ['1E3', 10n ** 12n],
    ['0.000000000001Ki', 2n],
    ['8Ei', (2n ** 63n - 1n) * 10n ** 9n],
    ['-9Ei', -(2n ** 63n - 1n) * 10n ** 9n],
    ['12E', 12n * 10n ** 27n],
  ])('reads %s as Kubernetes does', (text, nano) => {
    expect(quantityNano(text)).toBe(nano);
  });

  it.each([
    '',
    ' ',
    'Gi',
    '.',
    '+',
    '-.Mi',
    'e3',
    '1 Gi',
    '1Gi ',
    '1gi',
    '1K',
    '1ki',
    '1mi',
    '1e',
    '1e+',
    '1e3m',
    '1e1.5',
    '--1',
    '1.2.3',
    '1,5Gi',
    '0x10',
    'NaN',
    'Infinity',
    '１Gi',
    '1Gi\n',
    '1e999999999',
    '1e-999999999',
    '9'.repeat(200),
  ])('refuses %j', (text) => {
    expect(() => quantityNano(text)).toThrow(CallerError);
  });

  it('never fails in another way than a CallerError, and shows at most the beginning of a long text', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 300, unit: fc.constantFrom(...'0123456789.+-eEinumkKMGTP x') }), (text) => {
        try {
          quantityNano(text);
        } catch (error) {
          expect(error).toBeInstanceOf(CallerError);
          expect((error as CallerError).message.length).toBeLessThan(150);
        }
      }),
    );
  });

  it.each([
    ['1', 1],
    ['1m', 1],
    ['1001m', 2],
    ['1.5Ki', 1536],
    ['128974848', 128974848],
    ['129e6', 129e6],
    ['129M', 129e6],
    ['123Mi', 123 * MI],
    ['9007199254740991', Number.MAX_SAFE_INTEGER],
    ['-1.5', -2],
    ['-1Ki', -1024],
  ])('gives %s as whole bytes, rounded up', (text, bytes) => {
    expect(memoryBytes(text)).toBe(bytes);
  });

  it.each([
    ['250m', 250],
    ['0.1', 100],
    ['2', 2000],
    ['1u', 1],
    ['100001u', 101],
    ['1e3', 1_000_000],
  ])('gives %s as whole millicores, rounded up', (text, millicores) => {
    expect(cpuMillicores(text)).toBe(millicores);
  });

  it('refuses what a number cannot hold exactly', () => {
    expect(() => memoryBytes('9007199254740992')).toThrow(CallerError);
    expect(() => memoryBytes('-8Ei')).toThrow(CallerError);
    expect(() => cpuMillicores('10P')).toThrow(CallerError);
  });
});

describe('printing', () => {
  it.each([
    [0, '0'],
    [500, '500'],
    [1000, '1k'],
    [1024, '1Ki'],
    [1536, '1536'],
    [1_000_000_000, '1000000000'],
    [1280 * MI, '1280Mi'],
    [2 * GI, '2Gi'],
    [1.5 * GI, '1536Mi'],
    [1024 * GI, '1Ti'],
    [-GI, '-1Gi'],
  ])('prints %d bytes as %s', (bytes, text) => {
    expect(formatMemory(bytes)).toBe(text);
  });

  it.each([
    [0, '0'],
    [1, '1m'],
    [600, '600m'],
    [1000, '1'],
    [1500, '1500m'],
    [16_000, '16'],
    [1_000_000, '1k'],
  ])('prints %d millicores as %s', (millicores, text) => {
    expect(formatCpu(millicores)).toBe(text);
  });

  it('prints what reads back as the same size', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (size) => {
        expect(memoryBytes(formatMemory(size))).toBe(size);
        expect(cpuMillicores(formatCpu(size))).toBe(size);
      }),
    );
    fc.assert(fc.property(fc.nat(4_000_000), (size) => memoryBytes(formatMemory(size * MI)) === size * MI));
  });

  it('refuses a size that is not whole', () => {
    expect(() => formatMemory(1.5)).toThrow(BugError);
    expect(() => formatCpu(Number.NaN)).toThrow(BugError);
    expect(() => formatMemory(2 ** 53)).toThrow(BugError);
  });
});

describe('canonical texts', () => {
  // Each pair was printed by k8s.io/apimachinery 0.34 after a round trip through protobuf and JSON.
  it.each([
    ['0', '0'],
    ['0Gi', '0'],
    ['-0', '0'],
    ['1.5Gi', '1536Mi'],
    ['0.5Gi', '512Mi'],
    ['0.5', '500m'],
    ['.5', '500m'],
    ['1000m', '1'],
    ['1500m', '1500m'],
    ['1024Ki', '1Mi'],
    ['1000Ki', '1000Ki'],
    ['1000000Ki', '1000000Ki'],
    ['1536', '1536'],
    ['1000', '1k'],
    ['1024', '1024'],
    ['100Mi', '100Mi'],
    ['1.1Ki', '1126400m'],
    ['0.1Mi', '104857600m'],
    ['1.2345', '1234500u'],
    ['8Ei', '9223372036854775807'],
    ['12e2', '1200'],
    ['1e3', '1e3'],
    ['1E3', '1E3'],
    ['1000e3', '1e6'],
    ['1.5e3', '1500'],
    ['1e-3', '1e-3'],
    ['0.1e-3', '100e-6'],
    ['0.9n', '1n'],
    ['1.500', '1.500'],
    ['0.500', '500m'],
    ['+5', '+5'],
    ['-1Gi', '-1Gi'],
    ['-1.5Gi', '-1536Mi'],
    ['9Ei', '9223372036854775807'],
    ['+12345Gi', '+12345Gi'],
    ['+123457Gi', '123457Gi'],
    ['+123456789012345678', '+123456789012345678'],
    ['+1234567890123456789', '1234567890123456789'],
    ['1e-12', '1e-9'],
  ])('%s comes back as %s', (text, canonical) => {
    expect(canonicalQuantity(text)).toBe(canonical);
  });

  it('keeps a number beyond the largest suffix, which Kubernetes 1.34 prints without its exponent', () => {
    expect(canonicalQuantity('1000E')).toBe('1e21');
  });

  it('keep the amount and do not change again', () => {
    const number = fc.stringMatching(/^[+-]?[0-9]{1,6}(\.[0-9]{0,6})?$/);
    fc.assert(
      fc.property(number, fc.constantFrom(...Object.keys(suffixes)), (digits, suffix) => {
        const canonical = canonicalQuantity(digits + suffix);
        expect(sameQuantity(canonical, digits + suffix)).toBe(true);
        expect(canonicalQuantity(canonical)).toBe(canonical);
      }),
      { numRuns: 1000 },
    );
  });

  it('compare by amount, not by spelling', () => {
    expect(sameQuantity('1Gi', '1024Mi')).toBe(true);
    expect(sameQuantity('1', '1000m')).toBe(true);
    expect(sameQuantity('1Gi', '1G')).toBe(false);
  });
});

describe('scaling', () => {
  it.each([
    [GI, 1.25, 1280 * MI],
    [GI, 0.8, 820 * MI],
    [100 * MI, 1.1, 110 * MI],
    [10 * MI, 1.15, 12 * MI],
    [1, 1, MI],
    [0, 2, 0],
    [1_300_000_000.5, 1, 1240 * MI],
  ])('%d bytes × %d', (bytes, factor, scaled) => {
    expect(scaleMemory(bytes, factor)).toBe(scaled);
  });

  it.each([
    [100, 1.1, 110],
    [10, 0.8, 8],
    [11, 0.8, 9],
    [70, 1.1, 77],
    [1000, 1e-7, 1],
    [56.4, 1.15, 65],
  ])('%d millicores × %d', (millicores, factor, scaled) => {
    expect(scaleCpu(millicores, factor)).toBe(scaled);
  });

  it('is the smallest whole size that is not under the exact product', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 40), fc.integer({ min: 1, max: 4000 }), (size, thousandths) => {
        const exact = BigInt(size) * BigInt(thousandths);
        const cpu = BigInt(scaleCpu(size, thousandths / 1000));
        expect(cpu * 1000n >= exact && (cpu - 1n) * 1000n < exact).toBe(true);
        const memory = BigInt(scaleMemory(size, thousandths / 1000));
        const unit = BigInt(MI);
        expect(memory % unit).toBe(0n);
        expect(memory * 1000n >= exact && (memory - unit) * 1000n < exact).toBe(true);
      }),
    );
  });

  it('takes the whole part of a product where floats fall short', () => {
    expect(wholePartOfProduct(100, 0.29)).toBe(29);
    fc.assert(
      fc.property(fc.nat(10_000), fc.integer({ min: 0, max: 100 }), (size, percent) => {
        expect(wholePartOfProduct(size, percent / 100)).toBe(Number((BigInt(size) * BigInt(percent)) / 100n));
      }),
    );
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, -1])('refuses the factor %d and such a size', (value) => {
    expect(() => scaleMemory(GI, value)).toThrow(BugError);
    expect(() => scaleCpu(value, 1.25)).toThrow(BugError);
  });

  it('refuses a result that a number cannot hold', () => {
    expect(() => scaleMemory(Number.MAX_SAFE_INTEGER, 2)).toThrow(CallerError);
  });
});

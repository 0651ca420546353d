// Exact arithmetic on Kubernetes quantities: reading, scaling and printing them. Integers only; no float enters a size.
// Reading and printing follow resource.Quantity of k8s.io/apimachinery (pkg/api/resource), whose quirks are named where they matter.
import { BugError, CallerError } from './errors.ts';

type Format = 'binary' | 'decimal' | 'exponent';

interface Quantity {
  readonly nano: bigint;
  readonly format: Format;
}

interface Parts {
  readonly negative: boolean;
  /** Digits before the point, without leading zeros, and digits after it. */
  readonly whole: string;
  readonly fraction: string;
  readonly format: Format;
  /** Power of ten, or of two for the binary format. */
  readonly exponent: number;
}

const NANO = 1_000_000_000n;
const MEBIBYTE = 1_048_576n;
const LARGEST_SAFE = BigInt(Number.MAX_SAFE_INTEGER);

const DECIMAL_EXPONENTS: ReadonlyMap<string, number> = new Map([
  ['n', -9],
  ['u', -6],
  ['m', -3],
  ['', 0],
  ['k', 3],
  ['M', 6],
  ['G', 9],
  ['T', 12],
  ['P', 15],
  ['E', 18],
]);
const DECIMAL_SUFFIXES: ReadonlyMap<number, string> = new Map(
  [...DECIMAL_EXPONENTS].map(([suffix, power]) => [power, suffix]),
);
const BINARY_SUFFIXES = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'] as const;

const GRAMMAR = /^([+-]?)([0-9]*)(?:\.([0-9]*))?((?:[KMGTPE]i)|[numkMGTPE]|(?:[eE][+-]?[0-9]+))?$/;

// Kubernetes itself sets no bound; without one, "1e999999999" from a manifest would ask for a gigabyte of digits.
const LONGEST_TEXT = 128;
const LARGEST_EXPONENT = 100;

// Parsing caps a binary quantity, silently, at 2^63-1: the API server stores "8Ei" as that number.
const LARGEST_BINARY_NANO = (2n ** 63n - 1n) * NANO;

/** Thousands of containers share a few sizes. Bounded, since the texts are anybody's. */
const REMEMBERED = 1000;
const remembered = new Map<string, bigint>();

/** A quantity in units of 1e-9, exact. What is finer than that rounds away from zero, as in Kubernetes. Nonsense: CallerError. */
export function quantityNano(text: string): bigint {
  const known = remembered.get(text);
  if (known !== undefined) {
    return known;
  }
  const { nano } = parse(text);
  if (remembered.size >= REMEMBERED) {
    remembered.clear();
  }
  remembered.set(text, nano);
  return nano;
}

/** Whole bytes, rounded away from zero. Nonsense, and what a number cannot hold exactly: CallerError. */
export function memoryBytes(text: string): number {
  return safeNumber(divideUp(quantityNano(text), NANO), text, 'bytes');
}

/** Whole millicores, rounded away from zero. Nonsense, and what a number cannot hold exactly: CallerError. */
export function cpuMillicores(text: string): number {
  return safeNumber(divideUp(quantityNano(text), 1_000_000n), text, 'millicores');
}

/** Bytes as the API server prints a quantity with binary suffix: 1342177280 → "1280Mi", 1536 → "1536". */
export function formatMemory(bytes: number): string {
  return print({ nano: wholeNumber(bytes, 'bytes') * NANO, format: 'binary' });
}

/** Millicores as the API server prints a quantity of CPU: 600 → "600m", 1000 → "1". */
export function formatCpu(millicores: number): string {
  return print({ nano: wholeNumber(millicores, 'millicores') * 1_000_000n, format: 'decimal' });
}

/** `bytes` × `factor`, rounded up to whole MiB. The factor counts as it is written: 1.1 is eleven tenths. */
export function scaleMemory(bytes: number, factor: number): number {
  const { numerator, denominator } = product(bytes, factor);
  return safeNumber(divideUp(numerator, denominator * MEBIBYTE) * MEBIBYTE, `${bytes} × ${factor}`, 'bytes');
}

/** `millicores` × `factor`, rounded up to whole millicores. The factor counts as it is written. */
export function scaleCpu(millicores: number, factor: number): number {
  const { numerator, denominator } = product(millicores, factor);
  return safeNumber(divideUp(numerator, denominator), `${millicores} × ${factor}`, 'millicores');
}

/** The whole part of `value` × `factor`, both taken as they are written: 100 × 0.29 is 29, where floats say 28. */
export function wholePartOfProduct(value: number, factor: number): number {
  const { numerator, denominator } = product(value, factor);
  return safeNumber(numerator / denominator, `${value} × ${factor}`, 'parts');
}

/** The quantity as the API server prints it back: "1.5Gi" → "1536Mi", "0.5" → "500m", "1000m" → "1". Nonsense: CallerError. */
export function canonicalQuantity(text: string): string {
  const parts = split(text);
  return isKeptAsWritten(parts) ? text : print(evaluate(parts));
}

/** Whether two texts name the same amount, however they are written. Nonsense: CallerError. */
export function sameQuantity(a: string, b: string): boolean {
  return quantityNano(a) === quantityNano(b);
}

function parse(text: string): Quantity {
  return evaluate(split(text));
}

function split(text: string): Parts {
  const match = text.length <= LONGEST_TEXT ? GRAMMAR.exec(text) : null;
  const [, sign, digits = '', fraction = '', suffix = ''] = match ?? [];
  // Kubernetes reads "", "." and "Gi" without any digit partly as zero. A size that nobody wrote is no fact to act on.
  if (match === null || digits + fraction === '') {
    throw nonsense(text, 'it is not a number with an optional suffix');
  }
  const { format, exponent } = interpret(suffix);
  if (Math.abs(exponent) > LARGEST_EXPONENT) {
    throw nonsense(text, `its exponent is beyond ${LARGEST_EXPONENT}`);
  }
  return { negative: sign === '-', whole: digits.replace(/^0+/, ''), fraction, format, exponent };
}

function interpret(suffix: string): { format: Format; exponent: number } {
  const binary = BINARY_SUFFIXES.findIndex((candidate) => candidate === suffix);
  if (binary > 0) {
    return { format: 'binary', exponent: binary * 10 };
  }
  const decimal = DECIMAL_EXPONENTS.get(suffix);
  return decimal === undefined
    ? { format: 'exponent', exponent: Number(suffix.slice(1)) }
    : { format: 'decimal', exponent: decimal };
}

function evaluate({ negative, whole, fraction, format, exponent }: Parts): Quantity {
  const mantissa = BigInt(whole + fraction);
  const power = 9 - fraction.length + (format === 'binary' ? 0 : exponent);
  const scaled = mantissa * (format === 'binary' ? 2n ** BigInt(exponent) : 1n);
  const exact = power >= 0 ? scaled * 10n ** BigInt(power) : divideUp(scaled, 10n ** BigInt(-power));
  const nano = format === 'binary' && exact > LARGEST_BINARY_NANO ? LARGEST_BINARY_NANO : exact;
  return { nano: negative ? -nano : nano, format };
}

/**
 * Kubernetes keeps the text of a quantity that its fast path takes for canonical, and prints that text back: "1.500", "+5" and
 * "1E3" come back as they were sent, although other spellings of the same amounts are rewritten.
 */
function isKeptAsWritten({ whole, fraction, format, exponent }: Parts): boolean {
  const digits = (whole === '' ? '0' : whole) + fraction;
  if (format === 'binary') {
    const spareDigits = 14 - digits.length - Math.floor((exponent * 3) / 10);
    return fraction === '' && spareDigits >= 0 && BigInt(digits) % 8n !== 0n;
  }
  const scale = exponent - fraction.length;
  return digits.length <= 18 && scale >= -9 && scale % 3 === 0 && !digits.endsWith('000') && !digits.startsWith('0');
}

function print({ nano, format }: Quantity): string {
  if (nano === 0n) {
    return '0';
  }
  const bytes = nano / NANO;
  // Below 1024, or with a fraction, a binary quantity is printed with decimal suffixes so that nothing is rounded.
  if (format === 'binary' && nano % NANO === 0n && (bytes >= 1024n || bytes <= -1024n)) {
    return printBinary(bytes);
  }
  return printDecimal(nano, format);
}

function printBinary(bytes: bigint): string {
  let mantissa = bytes;
  let step = 0;
  while (mantissa % 1024n === 0n) {
    mantissa /= 1024n;
    step += 1;
  }
  return `${mantissa}${BINARY_SUFFIXES[step] ?? ''}`;
}

function printDecimal(nano: bigint, format: Format): string {
  let mantissa = nano;
  let exponent = -9;
  while (mantissa % 1000n === 0n) {
    mantissa /= 1000n;
    exponent += 3;
  }
  const suffix = format === 'exponent' ? undefined : DECIMAL_SUFFIXES.get(exponent);
  return `${mantissa}${suffix ?? (exponent === 0 ? '' : `e${exponent}`)}`;
}

/** The exact product of two numbers that are not negative, each as its shortest decimal spelling says. */
function product(a: number, b: number): { numerator: bigint; denominator: bigint } {
  const [left, right] = [fractionOf(a), fractionOf(b)];
  return { numerator: left.numerator * right.numerator, denominator: left.denominator * right.denominator };
}

function fractionOf(value: number): { numerator: bigint; denominator: bigint } {
  const match = /^([0-9]+)(?:\.([0-9]+))?(?:e([+-][0-9]+))?$/.exec(String(value));
  if (match === null) {
    throw new BugError(`Cannot scale a size by ${value}: a finite number that is not negative was expected.`);
  }
  const [, whole = '', fraction = '', exponent = '0'] = match;
  const power = Number(exponent) - fraction.length;
  const mantissa = BigInt(whole + fraction);
  return power >= 0
    ? { numerator: mantissa * 10n ** BigInt(power), denominator: 1n }
    : { numerator: mantissa, denominator: 10n ** BigInt(-power) };
}

/** The quotient by a positive divisor, rounded away from zero. */
function divideUp(dividend: bigint, divisor: bigint): bigint {
  const quotient = dividend / divisor;
  if (quotient * divisor === dividend) {
    return quotient;
  }
  return dividend > 0n ? quotient + 1n : quotient - 1n;
}

function safeNumber(value: bigint, text: string, unit: string): number {
  if (value > LARGEST_SAFE || value < -LARGEST_SAFE) {
    throw nonsense(text, `${value} ${unit} are more than any machine has`);
  }
  return Number(value);
}

function wholeNumber(value: number, unit: string): bigint {
  if (!Number.isSafeInteger(value)) {
    throw new BugError(`Cannot print ${value} ${unit} as a quantity: a whole number was expected.`);
  }
  return BigInt(value);
}

function nonsense(text: string, why: string): CallerError {
  const shown = text.length <= 60 ? text : `${text.slice(0, 60)}…`;
  return new CallerError(`Cannot read the quantity ${JSON.stringify(shown)}: ${why}.`, {
    remedy: 'Write it as Kubernetes does, such as 1536Mi, 1.5Gi, 250m or 2.',
  });
}

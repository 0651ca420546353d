// A reply's body of unknown length, gathered chunk by chunk.

const FIRST_BYTES = 64 * 1024;
/** Longer ones are rare, and would stay in memory for good. */
const MOST_SPARE_BYTES = 8 * 1024 * 1024;

/**
 * What an earlier long body has grown to, for the next one. Each would else leave twice its bytes behind in ever larger buffers; the
 * collector counts those against the heap, and stopped the process once a page.
 */
let spare: Buffer | undefined;

/** One copy of each chunk into its place: thousands of small chunks that live until the end double the memory of a page. */
export class Body {
  #bytes: Buffer;
  #size = 0;

  /** `declared`: its length where the server tells it, else 0. */
  constructor(declared: number) {
    this.#bytes = Buffer.allocUnsafe(declared > 0 ? declared : FIRST_BYTES);
  }

  get size(): number {
    return this.#size;
  }

  add(chunk: Buffer): void {
    const size = this.#size + chunk.length;
    if (size > this.#bytes.length) {
      const larger = takeSpare(size) ?? Buffer.allocUnsafe(Math.max(size, this.#bytes.length * 2));
      this.#bytes.copy(larger, 0, 0, this.#size);
      this.#bytes = larger;
    }
    chunk.copy(this.#bytes, this.#size);
    this.#size = size;
  }

  /** All of it; nothing can be added any more. */
  whole(): Buffer {
    const [bytes, size] = [this.#bytes, this.#size];
    const whole = bytes.subarray(0, size);
    if (bytes.length === size || bytes.length <= FIRST_BYTES || bytes.length > MOST_SPARE_BYTES) {
      return whole;
    }
    this.#bytes = whole.subarray(0, 0);
    this.#size = 0;
    if (bytes.length > (spare?.length ?? 0)) {
      spare = bytes;
    }
    return Buffer.from(whole);
  }
}

function takeSpare(least: number): Buffer | undefined {
  if (spare === undefined || spare.length < least) {
    return undefined;
  }
  const taken = spare;
  spare = undefined;
  return taken;
}

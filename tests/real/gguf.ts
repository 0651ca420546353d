// A language model that the tests write themselves: two layers of random weights over a vocabulary of bytes, in GGUF. Its language
// is nonsense; that it loads, is bound to a schema, takes time and can be cancelled is real.
// https://github.com/ggml-org/ggml/blob/master/docs/gguf.md

const WIDTH = 64;
const LAYERS = 2;
const HEADS = 4;
const FEED_FORWARD = 128;
const CONTEXT = 4096;
const ALIGNMENT = 32;

type Value =
  | { readonly type: 'u32'; readonly value: number }
  | { readonly type: 'f32'; readonly value: number }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'strings'; readonly value: readonly string[] }
  | { readonly type: 'f32s'; readonly value: readonly number[] }
  | { readonly type: 'i32s'; readonly value: readonly number[] };

/** GGUF's numbers for its types: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md#file-structure */
const TYPE = { u32: 4, i32: 5, f32: 6, string: 8, array: 9 } as const;
const TOKEN = { normal: 1, unknown: 2, control: 3, byte: 6 } as const;

interface Tensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** The file's bytes: the same for a seed. */
export function randomModel(seed: number): Buffer {
  const vocabulary = tokens();
  const tensors = tensorsFor(vocabulary.length, seed);
  const metadata = metadataFor(vocabulary);
  const infos: Buffer[] = [];
  const contents: Buffer[] = [];
  let offset = 0;
  for (const { name, shape, data } of tensors) {
    infos.push(text(name), u32(shape.length), ...shape.map(u64), u32(0), u64(offset));
    const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    contents.push(bytes, Buffer.alloc(padding(bytes.length)));
    offset += bytes.length + padding(bytes.length);
  }
  const head = Buffer.concat([
    Buffer.from('GGUF'),
    u32(3),
    u64(tensors.length),
    u64(metadata.length),
    ...metadata.flatMap(([key, value]) => [text(key), ...encoded(value)]),
    ...infos,
  ]);
  return Buffer.concat([head, Buffer.alloc(padding(head.length)), ...contents]);
}

/** Three marks, every byte, and the characters of ASCII as they are. */
function tokens(): readonly { readonly text: string; readonly type: number }[] {
  const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`);
  const characters = Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index).replace(' ', '\u2581'));
  return [
    { text: '<unk>', type: TOKEN.unknown },
    { text: '<s>', type: TOKEN.control },
    { text: '</s>', type: TOKEN.control },
    ...bytes.map((token) => ({ text: token, type: TOKEN.byte })),
    ...characters.map((token) => ({ text: token, type: TOKEN.normal })),
  ];
}

function metadataFor(vocabulary: ReturnType<typeof tokens>): readonly (readonly [string, Value])[] {
  const number = (value: number): Value => ({ type: 'u32', value });
  return [
    ['general.architecture', { type: 'string', value: 'llama' }],
    ['general.name', { type: 'string', value: 'random' }],
    ['general.file_type', number(0)],
    ['llama.context_length', number(CONTEXT)],
    ['llama.embedding_length', number(WIDTH)],
    ['llama.block_count', number(LAYERS)],
    ['llama.feed_forward_length', number(FEED_FORWARD)],
    ['llama.attention.head_count', number(HEADS)],
    ['llama.attention.head_count_kv', number(HEADS)],
    ['llama.attention.layer_norm_rms_epsilon', { type: 'f32', value: 1e-5 }],
    ['llama.rope.dimension_count', number(WIDTH / HEADS)],
    ['llama.vocab_size', number(vocabulary.length)],
    ['tokenizer.ggml.model', { type: 'string', value: 'llama' }],
    ['tokenizer.ggml.tokens', { type: 'strings', value: vocabulary.map((token) => token.text) }],
    ['tokenizer.ggml.scores', { type: 'f32s', value: vocabulary.map((_, index) => -index) }],
    ['tokenizer.ggml.token_type', { type: 'i32s', value: vocabulary.map(({ type }) => type) }],
    ['tokenizer.ggml.bos_token_id', number(1)],
    ['tokenizer.ggml.eos_token_id', number(2)],
    ['tokenizer.ggml.unknown_token_id', number(0)],
  ];
}

function tensorsFor(vocabularySize: number, seed: number): readonly Tensor[] {
  let state = seed;
  const random = (...shape: number[]): Float32Array =>
    Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return (state / 2 ** 32 - 0.5) * 0.4;
    });
  const matrix = (name: string, ...shape: number[]): Tensor => ({ name, shape, data: random(...shape) });
  const ones = (name: string): Tensor => ({ name, shape: [WIDTH], data: new Float32Array(WIDTH).fill(1) });
  return [
    matrix('token_embd.weight', WIDTH, vocabularySize),
    ...Array.from({ length: LAYERS }, (_, layer) => `blk.${String(layer)}`).flatMap((block) => [
      ones(`${block}.attn_norm.weight`),
      ...['attn_q', 'attn_k', 'attn_v', 'attn_output'].map((name) => matrix(`${block}.${name}.weight`, WIDTH, WIDTH)),
      ones(`${block}.ffn_norm.weight`),
      matrix(`${block}.ffn_gate.weight`, WIDTH, FEED_FORWARD),
      matrix(`${block}.ffn_up.weight`, WIDTH, FEED_FORWARD),
      matrix(`${block}.ffn_down.weight`, FEED_FORWARD, WIDTH),
    ]),
    ones('output_norm.weight'),
    matrix('output.weight', WIDTH, vocabularySize),
  ];
}

function encoded(value: Value): readonly Buffer[] {
  switch (value.type) {
    case 'u32':
      return [u32(TYPE.u32), u32(value.value)];
    case 'f32':
      return [u32(TYPE.f32), f32(value.value)];
    case 'string':
      return [u32(TYPE.string), text(value.value)];
    case 'strings':
      return [u32(TYPE.array), u32(TYPE.string), u64(value.value.length), ...value.value.map(text)];
    case 'f32s':
      return [u32(TYPE.array), u32(TYPE.f32), u64(value.value.length), ...value.value.map(f32)];
    case 'i32s':
      return [u32(TYPE.array), u32(TYPE.i32), u64(value.value.length), ...value.value.map(u32)];
  }
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'utf8');
  return Buffer.concat([u64(bytes.length), bytes]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

function f32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return bytes;
}

function padding(length: number): number {
  return (ALIGNMENT - (length % ALIGNMENT)) % ALIGNMENT;
}

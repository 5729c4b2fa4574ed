// @ts-check
/**
 * Writes the decoder of a synthetic model as a GGUF file for llama.cpp: the shapes of
 * Qwen2, meaningless weights, and a vocabulary in which every letter is a token. Format:
 * https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 */
import { closeSync, openSync, writeSync } from "node:fs";

/** Number in the file, weights in a block, and bytes of a block. */
const types = /** @type {const} */ ({
  f32: { id: 0, block: 1, bytes: 4 },
  q4_0: { id: 2, block: 32, bytes: 18 },
  q8_0: { id: 8, block: 32, bytes: 34 },
});
const ALIGNMENT = 32;
/** Scales (float16) that keep activations near 1: 2^-8 and 2^-12. */
const scales = { q4_0: 0x1c00, q8_0: 0x0c00 };

/** Kinds of metadata values. */
const kinds = { uint32: 4, int32: 5, float32: 6, string: 8, array: 9 };

/**
 * @typedef {keyof typeof types} Type
 * @typedef {Exclude<Type, "f32">} QuantizedType
 * @typedef {{ name: string, dims: number[], type: Type }} Tensor
 * @typedef {object} DecoderConfig fields of config.json
 * @property {number} hidden_size
 * @property {number} intermediate_size
 * @property {number} num_hidden_layers
 * @property {number} num_attention_heads
 * @property {number} num_key_value_heads
 * @property {number} head_dim
 * @property {number} rms_norm_eps
 * @property {number} rope_theta
 * @property {number} vocab_size
 */

/** Little-endian values in a growing list. */
class Header {
  /** @type {Buffer[]} */
  parts = [];

  /** @param {number} value */
  uint32(value) {
    const part = Buffer.alloc(4);
    part.writeUInt32LE(value);
    this.parts.push(part);
  }

  /** @param {number} value */
  uint64(value) {
    const part = Buffer.alloc(8);
    part.writeBigUInt64LE(BigInt(value));
    this.parts.push(part);
  }

  /** @param {number} value */
  float32(value) {
    const part = Buffer.alloc(4);
    part.writeFloatLE(value);
    this.parts.push(part);
  }

  /** @param {string} text */
  string(text) {
    const part = Buffer.from(text);
    this.uint64(part.length);
    this.parts.push(part);
  }

  /** @param {string} key @param {number} value */
  integer(key, value) {
    this.string(key);
    this.uint32(kinds.uint32);
    this.uint32(value);
  }

  /** @param {string} key @param {number} value */
  float(key, value) {
    this.string(key);
    this.uint32(kinds.float32);
    this.float32(value);
  }

  /** @param {string} key @param {string} value */
  text(key, value) {
    this.string(key);
    this.uint32(kinds.string);
    this.string(value);
  }

  /** @param {string} key @param {readonly string[]} values */
  texts(key, values) {
    this.string(key);
    this.uint32(kinds.array);
    this.uint32(kinds.string);
    this.uint64(values.length);
    for (const value of values) this.string(value);
  }

  /** @param {string} key @param {number} count of tokens, all normal ones (1) */
  tokenTypes(key, count) {
    this.string(key);
    this.uint32(kinds.array);
    this.uint32(kinds.int32);
    this.uint64(count);
    for (let i = 0; i < count; i++) this.uint32(1);
  }
}

/** @param {number} bytes */
const aligned = (bytes) => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

/** @param {Tensor} tensor */
function byteLength({ dims, type }) {
  const { block, bytes } = types[type];
  return (dims.reduce((product, dim) => product * dim, 1) / block) * bytes;
}

/** @param {DecoderConfig} config @param {QuantizedType} type @returns {Tensor[]} */
function tensorsOf(config, type) {
  const { hidden_size: hidden, intermediate_size: wide } = config;
  const cached = config.num_key_value_heads * config.head_dim;
  const queries = config.num_attention_heads * config.head_dim;
  /** @type {(name: string, inputs: number, outputs: number) => Tensor} */
  const matrix = (name, inputs, outputs) => ({
    name: `${name}.weight`,
    dims: [inputs, outputs],
    type,
  });
  /** @type {(name: string, size: number) => Tensor} */
  const vector = (name, size) => ({ name, dims: [size], type: "f32" });
  const layers = Array.from({ length: config.num_hidden_layers }, (_, i) => [
    vector(`blk.${i}.attn_norm.weight`, hidden),
    vector(`blk.${i}.ffn_norm.weight`, hidden),
    matrix(`blk.${i}.attn_q`, hidden, queries),
    matrix(`blk.${i}.attn_k`, hidden, cached),
    matrix(`blk.${i}.attn_v`, hidden, cached),
    vector(`blk.${i}.attn_q.bias`, queries),
    vector(`blk.${i}.attn_k.bias`, cached),
    vector(`blk.${i}.attn_v.bias`, cached),
    matrix(`blk.${i}.attn_output`, queries, hidden),
    matrix(`blk.${i}.ffn_gate`, hidden, wide),
    matrix(`blk.${i}.ffn_up`, hidden, wide),
    matrix(`blk.${i}.ffn_down`, wide, hidden),
  ]);
  return [
    matrix("token_embd", hidden, config.vocab_size),
    vector("output_norm.weight", hidden),
    matrix("output", hidden, config.vocab_size),
    ...layers.flat(),
  ];
}

/** The characters by which GPT-2's tokenizer writes the bytes 0 to 255. */
function byteTokens() {
  let others = 256;
  return Array.from({ length: 256 }, (_, byte) => {
    const isPrinted = (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
    return String.fromCodePoint(isPrinted ? byte : others++);
  });
}

/**
 * @param {string} path
 * @param {DecoderConfig} config
 * @param {QuantizedType} type of the matrices
 */
export function writeGguf(path, config, type) {
  const tensors = tensorsOf(config, type);
  const header = new Header();
  header.parts.push(Buffer.from("GGUF"));
  header.uint32(3);
  header.uint64(tensors.length);
  header.uint64(15);
  header.text("general.architecture", "qwen2");
  header.integer("qwen2.block_count", config.num_hidden_layers);
  header.integer("qwen2.context_length", 4096);
  header.integer("qwen2.embedding_length", config.hidden_size);
  header.integer("qwen2.feed_forward_length", config.intermediate_size);
  header.integer("qwen2.attention.head_count", config.num_attention_heads);
  header.integer("qwen2.attention.head_count_kv", config.num_key_value_heads);
  header.float("qwen2.attention.layer_norm_rms_epsilon", config.rms_norm_eps);
  header.float("qwen2.rope.freq_base", config.rope_theta);
  header.text("tokenizer.ggml.model", "gpt2");
  header.text("tokenizer.ggml.pre", "qwen2");
  const bytes = byteTokens();
  const words = Array.from(
    { length: config.vocab_size - bytes.length },
    (_, i) => `w${i}`,
  );
  header.texts("tokenizer.ggml.tokens", [...bytes, ...words]);
  header.tokenTypes("tokenizer.ggml.token_type", config.vocab_size);
  // llama.cpp requires merges; this one applies to no prompt of the bench.
  header.texts("tokenizer.ggml.merges", ["Q Z"]);
  header.integer("tokenizer.ggml.eos_token_id", config.vocab_size - 1);
  let offset = 0;
  for (const tensor of tensors) {
    header.string(tensor.name);
    header.uint32(tensor.dims.length);
    for (const dim of tensor.dims) header.uint64(dim);
    header.uint32(types[tensor.type].id);
    header.uint64(offset);
    offset = aligned(offset + byteLength(tensor));
  }
  const file = openSync(path, "w");
  const head = Buffer.concat(header.parts);
  writeSync(file, Buffer.concat([head], aligned(head.length)));
  let seed = 1;
  for (const tensor of tensors) {
    const length = byteLength(tensor);
    const data = Buffer.alloc(aligned(length));
    if (tensor.type === "f32") {
      const value = tensor.name.endsWith("bias") ? 0 : 1;
      for (let at = 0; at < length; at += 4) data.writeFloatLE(value, at);
    } else {
      const { bytes } = types[tensor.type];
      for (let at = 0; at < length; at++) {
        seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
        data[at] = seed >>> 24;
      }
      for (let at = 0; at < length; at += bytes) {
        data.writeUInt16LE(scales[tensor.type], at);
      }
    }
    writeSync(file, data);
  }
  closeSync(file);
}

import type { Activation } from "../../../kernels/epilogue";
import type { StorageType } from "../../../kernels/kernel-variant";
import type { Command } from "../../../ort/command-recorder";
import { at } from "../../../util/assert";

// Everything that is learned by reading the WGSL that ONNX Runtime generates.
// `ORT_VERSION` in ort/record-graph.ts pins the version it is written for.

/** The part of a buffer that a binding sees. */
export interface BufferRange {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly size: number;
}

/** A recorded command with the names that its shader gives to its bindings. */
export interface ShaderProgram {
  readonly label: string;
  readonly code: string;
  /** By the shader's names, in their order. */
  readonly reads: ReadonlyMap<string, BufferRange>;
  readonly writes: ReadonlyMap<string, BufferRange>;
  /** Fields of the shader's `Uniforms` struct, as u32. */
  readonly uniforms: ReadonlyMap<string, readonly number[]>;
}

const BINDING =
  /@group\(0\) @binding\((\d+)\) var<(storage, read_write|storage, read|uniform)> (\w+)/g;

/** Undefined if the shader does not declare its bindings as ORT does. */
export function readProgram(command: Command): ShaderProgram | undefined {
  const { shader, bindings } = command;
  const reads = new Map<string, BufferRange>();
  const writes = new Map<string, BufferRange>();
  for (const [, binding, access, name = ""] of shader.code.matchAll(BINDING)) {
    const entry = bindings.find((one) => one.binding === Number(binding));
    if (entry === undefined) return undefined;
    if (access === "storage, read") reads.set(name, rangeOf(entry));
    if (access === "storage, read_write") writes.set(name, rangeOf(entry));
  }
  if (writes.size === 0) return undefined;
  const uniforms = readUniforms(shader.code, command.uniforms);
  return { ...shader, reads, writes, uniforms };
}

export function rangeOf({ resource }: GPUBindGroupEntry): BufferRange {
  const binding =
    "buffer" in resource ? resource : { buffer: resource as GPUBuffer };
  const { buffer, offset = 0, size = buffer.size - offset } = binding;
  return { buffer, offset, size };
}

export function overlap(a: BufferRange, b: BufferRange): boolean {
  return (
    a.buffer === b.buffer &&
    a.offset < b.offset + b.size &&
    b.offset < a.offset + a.size
  );
}

export function covers(outer: BufferRange, inner: BufferRange): boolean {
  return (
    outer.buffer === inner.buffer &&
    outer.offset <= inner.offset &&
    inner.offset + inner.size <= outer.offset + outer.size
  );
}

const FIELD = /(\w+)\s*:\s*(?:vec(\d)<)?[uif]32>?/g;

/** WGSL uniform layout: vectors of 3 and 4 are aligned to 16 bytes. */
function readUniforms(
  code: string,
  bytes: Uint8Array | undefined,
): Map<string, readonly number[]> {
  const fields = new Map<string, readonly number[]>();
  const body = /struct Uniforms \{([^}]*)\}/.exec(code)?.[1];
  if (body === undefined || bytes === undefined) return fields;
  // None of the matched shaders has arrays, which would shift the offsets.
  if (body.includes("array")) return fields;
  const words = new Uint32Array(bytes.slice().buffer, 0, bytes.length >> 2);
  let offset = 0;
  for (const [, name = "", length = "1"] of body.matchAll(FIELD)) {
    const count = Number(length);
    const alignment = count > 2 ? 4 : count;
    offset = Math.ceil(offset / alignment) * alignment;
    fields.set(name, [...words.subarray(offset, offset + count)]);
    offset += count;
  }
  return fields;
}

/** The first element of a uniform field; undefined if there is no such field. */
export function uniformOf(
  { uniforms }: ShaderProgram,
  name: string,
): number | undefined {
  return uniforms.get(name)?.[0];
}

/** A uniform field as f32. */
export function floatUniformOf(
  program: ShaderProgram,
  name: string,
): number | undefined {
  const bits = uniformOf(program, name);
  if (bits === undefined) return undefined;
  return at(new Float32Array(Uint32Array.of(bits).buffer), 0);
}

/** The number type of the named buffers, or of all; undefined if they differ. */
export function storageTypeOf(
  { code }: ShaderProgram,
  names?: readonly string[],
): StorageType | undefined {
  const declarations = code.matchAll(
    /var<storage, read\w*> (\w+): array<([\w<>]+)>;/g,
  );
  const scalars = [...declarations]
    .filter(([, name = ""]) => names?.includes(name) ?? true)
    .map(([, , type = ""]) => type.replace(/vec\d<(\w+)>/, "$1"));
  if (scalars.every((scalar) => scalar === "f32")) return "float32";
  return scalars.every((scalar) => scalar === "f16") ? "float16" : undefined;
}

/** The activation behind a sum; undefined for one that our kernels lack. */
export function activationOf({ code }: ShaderProgram): Activation | undefined {
  const assigned = code.matchAll(/^\s*value = (?!value \+ |get_)(.*);$/gm);
  const [activation = "", ...others] = [...assigned].map(([, text = ""]) =>
    text.replace(/\w+_(?:value|element)_t|vec4<\w+>|[() ]/g, ""),
  );
  return others.length === 0 ? ACTIVATIONS[activation] : undefined;
}

/** As ORT writes them, without types, parentheses and spaces. */
const ACTIVATIONS: Readonly<Record<string, Activation>> = {
  "": "none",
  "maxvalue,0": "relu",
  "1/1+exp-value": "sigmoid",
  "0.5*value*1+fused_act_erfvalue*0.70710677": "gelu",
};

/** Whether the shader reads `name` four numbers at a time. */
export function readsVectors({ code }: ShaderProgram, name: string): boolean {
  return new RegExp(`\\b${name}: array<vec4<`).test(code);
}

/** LayerNorm subtracts the mean; RMSNorm does not. */
export function isCentered({ code }: ShaderProgram): boolean {
  return code.includes("- mean * mean");
}

/** Heads and masking of `FlashAttention`. */
export function flashAttentionOf({ code }: ShaderProgram) {
  return {
    headDim: Number(/const head_size : u32 = (\d+);/.exec(code)?.[1]),
    heads: Number(/const num_heads : u32 = (\d+);/.exec(code)?.[1]),
    causal: !code.includes("seq_causal_length = total_sequence_length;"),
  };
}

/** Heads, masking and tile sizes of `FlashAttentionDecodeQKV`. */
export function decodeAttentionOf(program: ShaderProgram) {
  const { code } = program;
  return {
    headDim: 4 * (uniformOf(program, "head_size_vec") ?? 0),
    heads: uniformOf(program, "num_heads") ?? 0,
    causal: code.includes("> past_sequence_length + q_idx"),
  };
}

/** How many keys and queries a workgroup of `FlashAttentionDecodeQKV` takes. */
export function decodeAttentionTiles({ code }: ShaderProgram) {
  const queries =
    /num_q_tiles = \(uniforms\.new_sequence_length \+ (\d+) - 1\)/;
  const keys = /\(global_total_sequence_length \+ (\d+) - 1\)/;
  return {
    queries: Number(queries.exec(code)?.[1] ?? 1),
    keys: Number(keys.exec(code)?.[1] ?? 64),
  };
}

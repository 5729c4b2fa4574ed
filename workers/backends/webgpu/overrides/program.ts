import type { Command } from "../../../ort/capture";

/** What a binding sees of a buffer. */
export interface Range {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly size: number;
}

/** A command of the runtime, read: its shaders name what they bind. */
export interface Program {
  readonly label: string;
  readonly code: string;
  /** By the shader's names, in their order. */
  readonly reads: ReadonlyMap<string, Range>;
  readonly writes: ReadonlyMap<string, Range>;
  /** Fields of the shader's `Uniforms`, as whole numbers. */
  readonly uniforms: ReadonlyMap<string, readonly number[]>;
}

const BINDING =
  /@group\(0\) @binding\((\d+)\) var<(storage, read_write|storage, read|uniform)> (\w+)/g;

/** Undefined if the command is not written as the runtime writes its own. */
export function programOf(command: Command): Program | undefined {
  const { shader, bindings } = command;
  const reads = new Map<string, Range>();
  const writes = new Map<string, Range>();
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

export function rangeOf({ resource }: GPUBindGroupEntry): Range {
  const binding =
    "buffer" in resource ? resource : { buffer: resource as GPUBuffer };
  const { buffer, offset = 0, size = buffer.size - offset } = binding;
  return { buffer, offset, size };
}

export function overlap(a: Range, b: Range): boolean {
  return (
    a.buffer === b.buffer &&
    a.offset < b.offset + b.size &&
    b.offset < a.offset + a.size
  );
}

export function covers(a: Range, b: Range): boolean {
  return (
    a.buffer === b.buffer &&
    a.offset <= b.offset &&
    b.offset + b.size <= a.offset + a.size
  );
}

const FIELD = /(\w+)\s*:\s*(?:vec(\d)<)?[uif]32>?/g;

/** By the layout of uniforms: vectors of 3 and 4 begin at multiples of 16. */
function readUniforms(
  code: string,
  bytes: Uint8Array | undefined,
): Map<string, readonly number[]> {
  const fields = new Map<string, readonly number[]>();
  const [, body] = /struct Uniforms \{([^}]*)\}/.exec(code) ?? [];
  if (body === undefined || bytes === undefined) return fields;
  // Arrays do not occur in what is looked for, and would shift what follows.
  if (body.includes("array")) return fields;
  const words = new Uint32Array(bytes.slice().buffer, 0, bytes.length >> 2);
  let at = 0;
  for (const [, name = "", length = "1"] of body.matchAll(FIELD)) {
    const count = Number(length);
    const alignment = count > 2 ? 4 : count;
    at = Math.ceil(at / alignment) * alignment;
    fields.set(name, [...words.subarray(at, at + count)]);
    at += count;
  }
  return fields;
}

import { normSize, normVariants, type Norm } from "../../../kernels/norm";
import type { Program, Range } from "./program";
import { alike, typeOf, type Operation } from "./operation";

/** The runtime's `LayerNorm`, of any kind. */
export function normOf(program: Program): Operation | undefined {
  const { label, code, reads, writes, uniforms } = program;
  const [x, scale] = [reads.get("x"), reads.get("scale")];
  const [y, bias] = [writes.get("y"), reads.get("bias")];
  if (label !== "LayerNorm" || writes.size !== 1) return undefined;
  const [rows = 0] = uniforms.get("norm_count") ?? [];
  const [width = 0] = uniforms.get("norm_size") ?? [];
  const centered = code.includes("- mean * mean");
  const shape = { rows, width, centered, skip: false, sums: false };
  return x && scale && y && operationOf(program, shape, { x, scale, bias, y });
}

/** The runtime's `SkipLayerNorm`, where both terms have as many rows. */
export function skipNormOf(program: Program): Operation | undefined {
  const { label, code, reads, writes, uniforms } = program;
  const [x, skip] = [reads.get("x"), reads.get("skip")];
  const [scale, bias] = [reads.get("gamma"), reads.get("beta")];
  const y = writes.get("output");
  const sums = writes.get("input_skip_bias_sum");
  // A bias of the sum, or other results, are not ours.
  const others = reads.has("bias") || writes.size !== (sums ? 2 : 1);
  if (label !== "SkipLayerNorm" || others || !skip) return undefined;
  const [width = 0] = uniforms.get("hidden_size") ?? [];
  const [all = 0] = uniforms.get("skip_size") ?? [];
  const centered = code.includes("- mean * mean");
  const shape = { rows: all / width, width, centered, skip: true };
  const ranges = { x, skip, scale, bias, y, sums };
  return operationOf(program, { ...shape, sums: sums !== undefined }, ranges);
}

type Found = Partial<
  Record<"x" | "skip" | "scale" | "bias" | "y" | "sums", Range | undefined>
>;

function operationOf(
  program: Program,
  shape: Omit<Norm, "epsilon" | "bias" | "type">,
  { x, skip, scale, bias, y, sums }: Found,
): Operation | undefined {
  const type = typeOf(program);
  const bits = program.uniforms.get("epsilon") ?? [];
  const [epsilon] = new Float32Array(Uint32Array.from(bits).buffer);
  if (!type || !x || !scale || !y || epsilon === undefined) return undefined;
  const of: Norm = { ...shape, epsilon, type, bias: bias !== undefined };
  const { rows, width } = of;
  const results = rows * width;
  const bytes = results * (type === "float32" ? 4 : 2);
  const outputs = sums === undefined ? [y] : [y, sums];
  const varied = skip === undefined ? [x] : [x, skip];
  const fits = [...outputs, ...varied].every(({ size }) => size >= bytes);
  if (!Number.isInteger(rows) || results === 0 || !fits) return undefined;
  const extras = (["centered", "skip", "sums", "bias"] as const)
    .filter((name) => of[name])
    .join(" ");
  return {
    name: `norm of ${rows} x ${width} ${extras} ${type}`,
    kind: `norm of ${alike(rows)} x ${width} ${extras} ${type}`,
    type,
    variants: (limits) => normVariants(of, limits),
    size: normSize(of),
    ranges: [x, skip ?? x, scale, bias ?? scale, y],
    ...{ varied, outputs, results },
  };
}

import { expect, test } from "vitest";
import type { Command } from "../../../ort/capture";
import { findMatches } from "./find";
import { lifeOf, type Step } from "./lifetime";
import { programOf } from "./program";

// Of WebGPU there are only objects to tell apart here.
const bufferOf = (size: number): GPUBuffer =>
  ({ size, offset: 0 }) as unknown as GPUBuffer;

type Bindings = Readonly<Record<string, GPUBuffer>>;

/** A command with a shader as the runtime writes them. */
function commandOf(
  label: string,
  reads: Bindings,
  writes: Bindings,
  uniforms: Readonly<Record<string, readonly number[]>>,
  body = "",
): Command {
  const access = [
    ...Object.entries(reads).map((entry) => ["storage, read", ...entry]),
    ...Object.entries(writes).map((entry) => ["storage, read_write", ...entry]),
  ] as [string, string, GPUBuffer][];
  const declared = access.map(
    ([kind, name], i) =>
      `@group(0) @binding(${i}) var<${kind}> ${name}: array<vec4<f32>>;`,
  );
  const words: number[] = [];
  const fields = Object.entries(uniforms).map(([name, values]) => {
    const count = values.length;
    const alignment = count > 2 ? 4 : count;
    while (words.length % alignment !== 0) words.push(0xdead);
    words.push(...values);
    return `  ${name}: ${count > 1 ? `vec${count}<u32>` : "u32"}`;
  });
  const struct = `struct Uniforms {\n${fields.join(",\n")}\n};`;
  return {
    pipeline: {} as GPUComputePipeline,
    bindGroup: {} as GPUBindGroup,
    workgroups: [1, 1, 1],
    bindings: access.map(([, , buffer], binding) => {
      return { binding, resource: { buffer } };
    }),
    shader: { label, code: [...declared, struct, body].join("\n") },
    uniforms: new Uint8Array(Uint32Array.from(words).buffer),
  };
}

function product(x: GPUBuffer, output: GPUBuffer, body = ""): Command {
  const w = bufferOf(4 * 8 * 4);
  return commandOf(
    "MatMul",
    { a: x, b: w },
    { output },
    {
      a_shape: [1, 6, 2],
      output_shape: [1, 6, 1],
      dim_a_outer: [6],
      dim_b_outer: [4],
      dim_inner: [8],
      splits_per_batch: [1],
    },
    body,
  );
}

const sum = (a: GPUBuffer, b: GPUBuffer, output: GPUBuffer): Command =>
  commandOf("Add", { input_a: a, input_b: b }, { output }, { vec_size: [6] });

const stepsOf = (...commands: Command[]): Step[] =>
  commands.map((command) => ({ command, program: programOf(command) }));

const [x, y, skip, z] = [192, 96, 96, 96].map(bufferOf) as [
  GPUBuffer,
  GPUBuffer,
  GPUBuffer,
  GPUBuffer,
];
const none = new Set<GPUBuffer>();

test("a program is read from its shader and uniforms", () => {
  const program = programOf(product(x, y));
  expect([...(program?.reads.keys() ?? [])]).toEqual(["a", "b"]);
  expect(program?.writes.get("output")?.buffer).toBe(y);
  // Vectors of three begin at multiples of four words.
  expect(program?.uniforms.get("output_shape")).toEqual([1, 6, 1]);
  expect(program?.uniforms.get("dim_inner")).toEqual([8]);
});

test("a shader of another make is none", () => {
  const command = product(x, y);
  expect(programOf({ ...command, bindings: [] })).toBeUndefined();
  expect(
    programOf({ ...command, shader: { label: "MatMul", code: "" } }),
  ).toBeUndefined();
});

test("a product takes the sum after it along", () => {
  const [match, ...others] = findMatches(
    stepsOf(product(x, y), sum(y, skip, z)),
    none,
  );
  expect(others).toEqual([]);
  expect(match?.count).toBe(2);
  expect(match?.operation.name).toBe("6 x 8 x 4 skip float32");
  expect(match?.operation.outputs[0]?.buffer).toBe(z);
});

test.each([
  ["what else reads the product", [sum(y, z, bufferOf(96))], none],
  ["that the product is a result", [], new Set([y])],
] as [string, Command[], Set<GPUBuffer>][])(
  "not if that would hide %s",
  (_, rest, kept) => {
    const steps = stepsOf(product(x, y), sum(y, skip, z), ...rest);
    const [match] = findMatches(steps, kept);
    expect(match?.count).toBe(1);
    expect(match?.operation.outputs[0]?.buffer).toBe(y);
  },
);

test("not if a buffer would be read and written at once", () => {
  const onSkip = stepsOf(product(x, y), sum(y, skip, skip));
  expect(findMatches(onSkip, none)[0]?.count).toBe(1);
  const onInput = stepsOf(product(x, y), sum(y, skip, x));
  expect(findMatches(onInput, none)[0]?.count).toBe(1);
});

test("not a sum that repeats a term", () => {
  const repeats = commandOf(
    "Add",
    { input_a: y, input_b: skip },
    { output: z },
    { a_indices_shape: [1, 6, 4], vec_size: [6] },
  );
  const steps = stepsOf(product(x, y), repeats);
  expect(findMatches(steps, none)[0]?.count).toBe(1);
});

test("not with a term of another size", () => {
  const steps = stepsOf(product(x, y), sum(y, bufferOf(16), z));
  expect(findMatches(steps, none)[0]?.count).toBe(1);
});

test.each([
  ["max(value, output_value_t(output_element_t(0)))", "relu"],
  [
    "output_value_t(output_element_t(0.5)) * value * (output_value_t(output_element_t(1)) + fused_act_erf(value * output_value_t(output_element_t(0.70710677))))",
    "gelu",
  ],
])("an activation is read: %s", (text, name) => {
  const steps = stepsOf(product(x, y, `    value = ${text};`));
  expect(findMatches(steps, none)[0]?.operation.name).toContain(` ${name} `);
});

test("an activation that is not known leaves the product alone", () => {
  const body = "    value = clamp(value, lowest, highest);";
  expect(findMatches(stepsOf(product(x, y, body)), none)).toEqual([]);
});

test("a product in parts, or of several matrices, is left alone", () => {
  for (const [name, values] of [
    ["splits_per_batch", [2]],
    ["output_shape", [3, 6, 1]],
  ] as const) {
    const step = stepsOf(product(x, y))[0];
    if (step?.program === undefined) throw new Error("no program");
    const uniforms = new Map(step.program.uniforms).set(name, values);
    const program = { ...step.program, uniforms };
    expect(findMatches([{ ...step, program }], none)).toEqual([]);
  }
});

test("a buffer too small for the shape is left alone", () => {
  expect(findMatches(stepsOf(product(bufferOf(64), y)), none)).toEqual([]);
});

test("a life ends where another tensor takes the place", () => {
  const steps = stepsOf(
    product(x, y),
    sum(y, skip, z),
    product(x, y),
    sum(y, skip, z),
  );
  const range = steps[0]?.program?.writes.get("output");
  if (range === undefined) throw new Error("no range");
  expect(lifeOf(steps, 0, range)).toEqual({ readers: [1], whole: true });
  const unknown = { ...steps[1], program: undefined } as Step;
  const blind = [...steps.slice(0, 1), unknown, ...steps.slice(2)];
  expect(lifeOf(blind, 0, range).whole).toBe(false);
  const part = { ...range, size: range.size / 2 };
  expect(lifeOf(steps, 0, part).whole).toBe(false);
});

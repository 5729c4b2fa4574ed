import { expect, test } from "vitest";
import type { Command } from "../../../ort/command-recorder";
import { findOperations } from "./find-operations";
import { lifetimeOf, type RecordedStep } from "./tensor-lifetime";
import { readProgram } from "./ort-shader";

// Buffers only need an identity here.
const bufferOf = (size: number): GPUBuffer =>
  ({ size, offset: 0 }) as unknown as GPUBuffer;

type Bindings = Readonly<Record<string, GPUBuffer>>;

/** A command with a shader in the form that ORT generates. */
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

const stepsOf = (...commands: Command[]): RecordedStep[] =>
  commands.map((command) => ({ command, program: readProgram(command) }));

const [x, y, skip, z] = [192, 96, 96, 96].map(bufferOf) as [
  GPUBuffer,
  GPUBuffer,
  GPUBuffer,
  GPUBuffer,
];
const noBuffers = new Set<GPUBuffer>();

test("reads bindings and uniforms of a shader", () => {
  const program = readProgram(product(x, y));
  expect([...(program?.reads.keys() ?? [])]).toEqual(["a", "b"]);
  expect(program?.writes.get("output")?.buffer).toBe(y);
  // vec3 is aligned to four words.
  expect(program?.uniforms.get("output_shape")).toEqual([1, 6, 1]);
  expect(program?.uniforms.get("dim_inner")).toEqual([8]);
});

test("does not read a shader in another form", () => {
  const command = product(x, y);
  expect(readProgram({ ...command, bindings: [] })).toBeUndefined();
  expect(
    readProgram({ ...command, shader: { label: "MatMul", code: "" } }),
  ).toBeUndefined();
});

test("matches a product together with the sum behind it", () => {
  const [match, ...others] = findOperations(
    stepsOf(product(x, y), sum(y, skip, z)),
    noBuffers,
  );
  expect(others).toEqual([]);
  expect(match?.count).toBe(2);
  expect(match?.operation.name).toBe("6 x 8 x 4 skip float32");
  expect(match?.operation.outputs[0]?.buffer).toBe(z);
});

test.each([
  ["the product has another reader", [sum(y, z, bufferOf(96))], noBuffers],
  ["the product is an output of the graph", [], new Set([y])],
] as [string, Command[], Set<GPUBuffer>][])(
  "matches the product alone if %s",
  (_, rest, external) => {
    const steps = stepsOf(product(x, y), sum(y, skip, z), ...rest);
    const [match] = findOperations(steps, external);
    expect(match?.count).toBe(1);
    expect(match?.operation.outputs[0]?.buffer).toBe(y);
  },
);

test("matches the product alone if a buffer would be read and written", () => {
  const onSkip = stepsOf(product(x, y), sum(y, skip, skip));
  expect(findOperations(onSkip, noBuffers)[0]?.count).toBe(1);
  const onInput = stepsOf(product(x, y), sum(y, skip, x));
  expect(findOperations(onInput, noBuffers)[0]?.count).toBe(1);
});

test("matches the product alone if the sum broadcasts", () => {
  const broadcasts = commandOf(
    "Add",
    { input_a: y, input_b: skip },
    { output: z },
    { a_indices_shape: [1, 6, 4], vec_size: [6] },
  );
  const steps = stepsOf(product(x, y), broadcasts);
  expect(findOperations(steps, noBuffers)[0]?.count).toBe(1);
});

test("matches the product alone if the term has another size", () => {
  const steps = stepsOf(product(x, y), sum(y, bufferOf(16), z));
  expect(findOperations(steps, noBuffers)[0]?.count).toBe(1);
});

test.each([
  ["max(value, output_value_t(output_element_t(0)))", "relu"],
  [
    "output_value_t(output_element_t(0.5)) * value * (output_value_t(output_element_t(1)) + fused_act_erf(value * output_value_t(output_element_t(0.70710677))))",
    "gelu",
  ],
])("reads the activation %s", (text, name) => {
  const steps = stepsOf(product(x, y, `    value = ${text};`));
  expect(findOperations(steps, noBuffers)[0]?.operation.name).toContain(
    ` ${name} `,
  );
});

test("does not match a product with an unknown activation", () => {
  const body = "    value = clamp(value, lowest, highest);";
  expect(findOperations(stepsOf(product(x, y, body)), noBuffers)).toEqual([]);
});

test("does not match a split or batched product", () => {
  for (const [name, values] of [
    ["splits_per_batch", [2]],
    ["output_shape", [3, 6, 1]],
  ] as const) {
    const step = stepsOf(product(x, y))[0];
    if (step?.program === undefined) throw new Error("no program");
    const uniforms = new Map(step.program.uniforms).set(name, values);
    const program = { ...step.program, uniforms };
    expect(findOperations([{ ...step, program }], noBuffers)).toEqual([]);
  }
});

test("does not match a buffer that is too small for the shape", () => {
  expect(findOperations(stepsOf(product(bufferOf(64), y)), noBuffers)).toEqual(
    [],
  );
});

test("ends a lifetime where another tensor reuses the buffer", () => {
  const steps = stepsOf(
    product(x, y),
    sum(y, skip, z),
    product(x, y),
    sum(y, skip, z),
  );
  const range = steps[0]?.program?.writes.get("output");
  if (range === undefined) throw new Error("no range");
  expect(lifetimeOf(steps, 0, range)).toEqual({ readers: [1], complete: true });
  const unknown = { ...steps[1], program: undefined } as RecordedStep;
  const unreadable = [...steps.slice(0, 1), unknown, ...steps.slice(2)];
  expect(lifetimeOf(unreadable, 0, range).complete).toBe(false);
  const part = { ...range, size: range.size / 2 };
  expect(lifetimeOf(steps, 0, part).complete).toBe(false);
});

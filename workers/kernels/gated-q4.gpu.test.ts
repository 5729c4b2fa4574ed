import { expect, test } from "vitest";
import { gatedQ4Uniform, gatedQ4Variants, type GatedQ4Shape } from "./gated-q4";
import { prepare, encode, upload } from "./kernel";
import { matMulQ4Reference } from "./matmul-q4.reference";
import { readBack, storage, submit, useDevice } from "./testing/gpu";
import { randomQ4Weights } from "./testing/q4-weights";
import { noise } from "./testing/random";
import { maxAbsDifference } from "./testing/run-variant";
import { at } from "../util/assert";

let device: GPUDevice;

useDevice((opened) => {
  device = opened;
});

const base = { type: "float32", epsilon: 1e-6 } as const;
const shapes: GatedQ4Shape[] = [
  { ...base, inner: 8, columns: 3, blockSize: 16 },
  { ...base, inner: 200, columns: 35, blockSize: 64 },
  { ...base, inner: 896, columns: 70, blockSize: 32, epsilon: 0.5 },
];

for (const shape of shapes) {
  const { inner, columns, blockSize } = shape;
  test(`${inner} x ${columns} in blocks of ${blockSize}`, async () => {
    const [x, skip, gamma] = [1, 2, 3].map((seed) => noise(inner, seed)) as [
      Float32Array<ArrayBuffer>,
      Float32Array<ArrayBuffer>,
      Float32Array<ArrayBuffer>,
    ];
    const terms = x.map((value, i) => value + at(skip, i));
    const squares = terms.reduce((sum, t) => sum + t * t, 0);
    const factor = 1 / Math.sqrt(squares / inner + shape.epsilon);
    const z = terms.map((t, i) => t * factor * at(gamma, i));
    const [gate, up] = [randomQ4Weights(shape, 4), randomQ4Weights(shape, 6)];
    const plain = { ...shape, rows: 1, zeros: false, bias: false };
    const gates = matMulQ4Reference(plain, z, gate, new Float32Array());
    const ups = matMulQ4Reference(plain, z, up, new Float32Array());
    const expected = gates.map((g, i) => (g / (1 + Math.exp(-g))) * at(ups, i));
    const variants = gatedQ4Variants(shape, device.limits);
    expect(variants.length).toBeGreaterThan(0);
    for (const { kernel, workgroups } of variants) {
      const inputs = [x, skip, gamma, gate.packed, gate.scales];
      const buffers = [...inputs, up.packed, up.scales].map((data) =>
        storage(device, data),
      );
      const y = storage(device, new Float32Array(columns).fill(NaN));
      const sums = storage(device, new Float32Array(inner).fill(NaN));
      const { UNIFORM } = GPUBufferUsage;
      const uniform = upload(device, "test", gatedQ4Uniform(shape), UNIFORM);
      const all = [...buffers, y, uniform, sums];
      const bindings = all.map((buffer) => ({ buffer }));
      const dispatch = prepare(device, kernel, bindings, workgroups);
      submit(device, (pass) => {
        encode(pass, dispatch);
      });
      const [actual, written] = [
        new Float32Array(await readBack(device, y)),
        new Float32Array(await readBack(device, sums)),
      ];
      for (const buffer of all) buffer.destroy();
      const { label } = kernel;
      expect(maxAbsDifference(actual, expected), label).toBeLessThan(1e-4);
      expect(maxAbsDifference(written, terms), label).toBeLessThan(1e-6);
    }
  });
}

test("has no variants where a shader binds too few buffers", () => {
  const shape = { ...base, inner: 64, columns: 64, blockSize: 32 };
  const limits = { ...device.limits, maxStorageBuffersPerShaderStage: 8 };
  expect(gatedQ4Variants(shape, limits)).toEqual([]);
});

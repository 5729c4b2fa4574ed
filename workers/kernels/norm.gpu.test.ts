import { expect, test } from "vitest";
import { encode, prepare, upload } from "./kernel";
import { normUniform, normVariants, type Norm } from "./norm";
import { maxAbsDifference } from "./testing/run-variant";
import { readBack, storage, submit, useDevice } from "./testing/gpu";
import { noise } from "./testing/random";

let device: GPUDevice;

useDevice((opened) => {
  device = opened;
});

interface Data {
  readonly x: Float32Array<ArrayBuffer>;
  readonly skip: Float32Array<ArrayBuffer>;
  readonly scale: Float32Array<ArrayBuffer>;
  readonly bias: Float32Array<ArrayBuffer>;
}

/** The norm by its formula. */
function reference(of: Norm, data: Data): Record<"y" | "sums", Float32Array> {
  const { rows, width } = of;
  const sums = data.x.map((x, i) => x + (of.skip ? (data.skip[i] ?? NaN) : 0));
  const y = new Float32Array(rows * width);
  for (let row = 0; row < rows; row++) {
    const terms = [...sums.subarray(row * width, (row + 1) * width)];
    const mean = of.centered ? terms.reduce((a, b) => a + b) / width : 0;
    const variance = terms.reduce((sum, t) => sum + (t - mean) ** 2, 0) / width;
    terms.forEach((t, i) => {
      const scaled =
        ((t - mean) / Math.sqrt(variance + of.epsilon)) *
        (data.scale[i] ?? NaN);
      y[row * width + i] = scaled + (of.bias ? (data.bias[i] ?? NaN) : 0);
    });
  }
  return { y, sums };
}

const base = { rows: 5, width: 20, epsilon: 1e-5, type: "float32" } as const;
const cases: Norm[] = [
  { ...base, centered: true, skip: false, sums: false, bias: true },
  { ...base, centered: false, skip: true, sums: true, bias: false },
  { ...base, rows: 130, centered: true, skip: true, sums: false, bias: false },
  {
    ...{ ...base, rows: 1, width: 192, epsilon: 1e-6 },
    ...{ centered: false, skip: false, sums: false, bias: false },
  },
];

for (const of of cases) {
  const { rows, width } = of;
  const extras = (["centered", "skip", "sums", "bias"] as const)
    .filter((name) => of[name])
    .join(" ");
  test(`${rows} rows of ${width} ${extras}`, async () => {
    const data: Data = {
      x: noise(rows * width, 1),
      skip: noise(rows * width, 2),
      scale: noise(width, 3),
      bias: noise(width, 4),
    };
    const expected = reference(of, data);
    const variants = normVariants(of, device.limits);
    expect(variants.length).toBeGreaterThan(0);
    for (const { kernel, workgroups } of variants) {
      const count = rows * width;
      const blank = () => storage(device, new Float32Array(count).fill(NaN));
      const [y, sums] = [blank(), blank()];
      const { UNIFORM } = GPUBufferUsage;
      const size = upload(device, "test", normUniform(of), UNIFORM);
      const { x, skip, scale, bias } = data;
      const inputs = [x, skip, scale, bias].map((floats) =>
        storage(device, floats),
      );
      const buffers = [...inputs, y, size, ...(of.sums ? [sums] : [])];
      const bindings = buffers.map((buffer) => ({ buffer }));
      const dispatch = prepare(device, kernel, bindings, workgroups);
      submit(device, (pass) => {
        encode(pass, dispatch);
      });
      const result = new Float32Array(await readBack(device, y));
      const rest = new Float32Array(await readBack(device, sums));
      for (const buffer of [...inputs, y, sums, size]) buffer.destroy();
      const { label } = kernel;
      expect(maxAbsDifference(result, expected.y), label).toBeLessThan(1e-5);
      if (of.sums)
        expect(maxAbsDifference(rest, expected.sums)).toBeLessThan(1e-6);
      else expect(rest.every(Number.isNaN)).toBe(true);
    }
  });
}

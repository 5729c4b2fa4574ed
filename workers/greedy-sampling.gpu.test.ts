import { describe, expect, test } from "vitest";
import { useDevice } from "./kernels/testing/gpu";
import { argmax, Sampler } from "./backends/ort/sampling";
import { greedy, makeLogits, sampleOnGpu } from "./testing/sampler";
import { seededRandom } from "./kernels/testing/random";

let device: GPUDevice;

useDevice((opened) => {
  device = opened;
});

const SIZES = [1, 2, 3, 255, 448, 2049, 4097, 32_001, 151_646, 152_064];

describe.each(["float32", "float16"] as const)("picks of %s", (type) => {
  for (const vocabulary of SIZES) {
    const rows = vocabulary > 10_000 ? 2 : 5;
    test(`${rows} rows of ${vocabulary}`, async () => {
      const random = seededRandom(vocabulary);
      const logits = Array.from({ length: rows }, () =>
        makeLogits(vocabulary, random),
      );
      const { picked, read } = await sampleOnGpu(device, logits, type);
      expect(picked).toEqual(read.map(argmax));
    });
  }

  test("the first of equals, wherever they are", async () => {
    const vocabulary = 9001;
    const random = seededRandom(5);
    const places = Array.from({ length: 6 }, () =>
      [random(), random(), random()].map((at) => Math.floor(at * vocabulary)),
    );
    const rows = places.map((ids) => {
      const row = new Float32Array(vocabulary).fill(-3);
      for (const id of ids) row[id] = -0.5;
      return row;
    });
    const { picked } = await sampleOnGpu(device, rows, type);
    expect(picked).toEqual(places.map((ids) => Math.min(...ids)));
  });

  test("NaN, infinities, zeros and numbers that are tiny", async () => {
    const tiny = type === "float32" ? 1e-40 : 6e-8;
    const rows = [
      [NaN, -2, -1, NaN],
      [NaN, NaN, NaN, NaN],
      [-Infinity, NaN, -Infinity, -65504],
      [-Infinity, -Infinity, NaN, -Infinity],
      [1, Infinity, NaN, Infinity],
      [-1, -0, 0, -1],
      [-1, 0, -0, -1],
      [0, tiny, 2 * tiny, -tiny],
      [-2 * tiny, -tiny, -2 * tiny, -1],
      [65472, 65504, -65504, 1],
    ].map((row) => Float32Array.from(row));
    const { picked, read } = await sampleOnGpu(device, rows, type);
    expect(picked).toEqual(read.map(argmax));
    expect(picked).toEqual([2, 0, 3, 0, 1, 1, 1, 2, 1, 1]);
  });

  test("the penalty, exactly", async () => {
    const random = seededRandom(3);
    const vocabulary = 1003;
    for (const repetitionPenalty of [1.1, 1.3, 0.7, 5]) {
      const logits = makeLogits(vocabulary, random);
      const used = Array.from(logits.keys()).filter(() => random() < 0.9);
      const options = { ...greedy, repetitionPenalty };
      const { picked, read } = await sampleOnGpu(
        device,
        [logits],
        type,
        options,
        used,
      );
      const [row = logits] = read;
      expect(picked[0]).toBe(new Sampler(options, used).next(row.slice()));
    }
  });
});

test("a penalty knows nothing of ids beyond the vocabulary", async () => {
  const options = { repetitionPenalty: 2 };
  const rows = [Float32Array.of(3, 2, 1)];
  const { picked } = await sampleOnGpu(
    device,
    rows,
    "float32",
    options,
    [0, -1, 3, 99],
  );
  expect(picked).toEqual([1]);
});

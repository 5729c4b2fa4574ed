import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { StepAdvance } from "../../kernels/step-advance";
import { GpuSampler } from "../../kernels/sampler";
import { SamplerState } from "../../kernels/sampler-state";
import {
  openDevice,
  readBack,
  storage,
  submit,
} from "../../kernels/testing/gpu";
import { Sampler } from "./sampling";
import {
  draw,
  EPSILON,
  greedy,
  makeLogits,
  margin,
  sampleOnGpu,
  uploadLogits,
  type Options,
  type Type,
} from "../../testing/sampler";
import { seededRandom } from "../../kernels/testing/random";

let device: GPUDevice;

beforeAll(async () => {
  device = await openDevice();
});

afterAll(() => {
  device.destroy();
});

interface Draw {
  readonly options: typeof greedy;
  readonly used: readonly number[];
  /** The number of ids in the answer so far. */
  readonly count: number;
}

/** The token of each draw from one row, read back once. */
async function sampleEach(
  state: SamplerState,
  picker: GpuSampler,
  draws: readonly Draw[],
): Promise<number[]> {
  const results = storage(device, 4 * draws.length);
  for (const [i, { options, used, count }] of draws.entries()) {
    state.begin(options, used);
    device.queue.writeBuffer(state.ids, 0, Int32Array.of(count));
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    picker.encode(pass);
    pass.end();
    encoder.copyBufferToBuffer(state.picked, 0, results, 4 * i, 4);
    device.queue.submit([encoder.finish()]);
  }
  const ids = [...new Int32Array(await readBack(device, results))];
  results.destroy();
  return ids;
}

/** The token of each draw from `row`, and the row as the GPU reads it. */
async function sampleRow(
  row: Float32Array,
  type: Type,
  draws: readonly Draw[],
): Promise<{ ids: number[]; all: Float32Array }> {
  const sizes = { vocabulary: row.length, rows: 1, ring: 4 };
  const state = new SamplerState(device, sizes);
  const { all, buffer } = uploadLogits(device, [row], type);
  const picker = new GpuSampler(device, state, { buffer, type, rows: 1 });
  const ids = await sampleEach(state, picker, draws);
  picker.dispose();
  state.dispose();
  buffer.destroy();
  return { ids, all };
}

const drawOf = (options: Options): Draw => ({
  ...{ options: { ...greedy, ...options }, used: [], count: 0 },
});

describe.each(["float32", "float16"] as const)("sampling from %s", (type) => {
  const cases: readonly (readonly [string, Options])[] = [
    ["temperature 1", { temperature: 1 }],
    ["temperature 0.2", { temperature: 0.2 }],
    ["temperature 100", { temperature: 100 }],
    ["temperature 1e-6", { temperature: 1e-6 }],
    ["top-k 1", { temperature: 1, topK: 1 }],
    ["top-k 40", { temperature: 1.5, topK: 40 }],
    ["top-k above all", { temperature: 2, topK: 1e9 }],
    ["top-p 0.9", { temperature: 1, topP: 0.9 }],
    ["top-p 1e-9", { temperature: 1, topP: 1e-9 }],
    ["top-k 7, top-p 0.6", { temperature: 3, topK: 7, topP: 0.6 }],
    [
      "everything",
      { temperature: 1.2, topK: 300, topP: 0.95, repetitionPenalty: 1.3 },
    ],
  ];
  for (const [title, some] of cases) {
    test(`samples like the ORT backend: ${title}`, async () => {
      let compared = 0;
      let near = 0;
      for (const vocabulary of [1, 3, 448, 2049, 5003]) {
        const random = seededRandom(vocabulary + 1);
        const used = [0, 2, 5, Math.floor(vocabulary / 2)];
        const row = makeLogits(vocabulary, random);
        const draws = Array.from({ length: 12 }, (_, i): Draw => {
          const options = { ...greedy, ...some, seed: (i - 6) * 123_456_789 };
          // Some samples are not the first of the answer.
          return { options, used, count: Math.abs(i - 6) % 3 };
        });
        const { ids, all } = await sampleRow(row, type, draws);
        for (const [i, { options, count }] of draws.entries()) {
          const penalised = all.slice();
          const penalty = { ...options, temperature: 0 };
          new Sampler(penalty, used).next(penalised);
          const random = draw(options.seed, count);
          if (margin(penalised, options, random) < EPSILON) {
            near++;
            continue;
          }
          compared++;
          const sampler = new Sampler(options, used);
          // Advances the random generator of the sampler.
          const other = new Sampler({ ...options, repetitionPenalty: 1 }, []);
          for (let i = 0; i < count; i++) other.next(penalised.slice());
          const wanted =
            count === 0
              ? sampler.next(all.slice())
              : other.next(penalised.slice());
          expect([vocabulary, options.seed, ids[i]]).toEqual([
            ...[vocabulary, options.seed],
            wanted,
          ]);
        }
      }
      expect(compared + near).toBe(60);
      expect(near).toBeLessThanOrEqual(3);
    });
  }

  test("orders equal logits by rising id", async () => {
    for (const vocabulary of [5, 700, 4500]) {
      const row = Float32Array.from({ length: vocabulary }, (_, i) => i % 2);
      for (const [topK, topP] of [
        [0, 1],
        [3, 1],
        [0, 0.3],
        [vocabulary - 1, 0.9],
      ] as const) {
        const draws = Array.from({ length: 6 }, (_, seed) =>
          drawOf({ temperature: 1, topK, topP, seed }),
        );
        const { ids } = await sampleRow(row, type, draws);
        for (const [seed, { options }] of draws.entries()) {
          if (margin(row, options, draw(seed, 0)) < EPSILON) continue;
          const wanted = new Sampler(options, []).next(row.slice());
          expect([vocabulary, topK, topP, seed, ids[seed]]).toEqual([
            ...[vocabulary, topK, topP, seed],
            wanted,
          ]);
        }
      }
    }
  });

  test("treats NaN and infinities like the ORT backend", async () => {
    for (const values of [
      [NaN, 0, NaN, 0, -Infinity],
      [NaN, NaN, NaN],
      [-Infinity, NaN, -Infinity, -3],
      [0, Infinity, 9, NaN, Infinity],
      [-0, 0, -0, 0],
    ]) {
      const row = Float32Array.from(values);
      const draws = Array.from({ length: 8 }, (_, seed) =>
        drawOf({ temperature: 0.8, seed }),
      );
      const { ids } = await sampleRow(row, type, draws);
      const wanted = draws.map(({ options }) =>
        new Sampler(options, []).next(row.slice()),
      );
      expect(ids).toEqual(wanted);
    }
  });
});

test("samples from a whole vocabulary with all options", async () => {
  const options = {
    ...{ temperature: 0.9, topK: 1000, topP: 0.98 },
    ...{ repetitionPenalty: 1.1, seed: 4 },
  };
  const logits = makeLogits(151_646, seededRandom(9));
  const used = [5, 100_000, 151_645];
  const penalised = logits.slice();
  new Sampler({ ...options, temperature: 0 }, used).next(penalised);
  expect(margin(penalised, options, draw(4, 0))).toBeGreaterThan(EPSILON);
  const { picked } = await sampleOnGpu(
    device,
    [logits],
    "float32",
    options,
    used,
  );
  const wanted = new Sampler(options, used).next(logits.slice());
  expect(picked).toEqual([wanted]);
});

test("samples from a vocabulary of equal logits", async () => {
  const row = new Float32Array(151_646).fill(-2.5);
  for (const [seed, topP] of [
    [1, 1],
    [2, 1],
    [3, 0.5],
  ] as const) {
    const options = { ...greedy, temperature: 1, topP, seed };
    const { picked } = await sampleOnGpu(device, [row], "float16", options);
    expect(picked).toEqual([new Sampler(options, []).next(row.slice())]);
  }
});

test("samples an answer in one submit, with penalty and a new random number per token", async () => {
  const vocabulary = 1000;
  const steps = 12;
  const type = "float32" as const;
  const random = seededRandom(8);
  const logits = makeLogits(vocabulary, random).map((logit) => logit / 4);
  const options = {
    ...{ temperature: 1.4, topK: 200, topP: 0.9 },
    ...{ repetitionPenalty: 1.5, seed: 21 },
  };
  const used = [1, 3, 500];
  const state = new SamplerState(device, { vocabulary, rows: 1, ring: 10 });
  const { buffer } = uploadLogits(device, [logits], type);
  const picker = new GpuSampler(device, state, { buffer, type, rows: 1 });
  const table = storage(device, 4 * vocabulary);
  const next = {
    ...{ type, embeds: storage(device, 4) },
    ...{ seqlens: storage(device, 4), total: storage(device, 4) },
  };
  const parts = [{ data: table, first: 0, rows: vocabulary }];
  const embeddings = { width: 1, type, outputType: type, parts };
  const advance = new StepAdvance(device, state, embeddings, next);

  const sampler = new Sampler(options, used);
  const wanted: number[] = [];
  for (let i = 0; i < steps; i++) {
    const penalised = logits.slice();
    const seen = [...used, ...wanted];
    new Sampler({ ...options, temperature: 0 }, seen).next(penalised);
    const left = margin(penalised, options, draw(options.seed, i));
    expect(left).toBeGreaterThan(EPSILON);
    wanted.push(sampler.next(logits.slice()));
  }
  expect(new Set(wanted).size).toBeGreaterThan(steps / 2);

  for (const round of ["first", "second"]) {
    state.begin(options, used);
    const made = round === "second" ? countCreated() : undefined;
    submit(device, (pass) => {
      for (let i = 0; i < steps; i++) {
        picker.encode(pass);
        advance.encode(pass);
      }
    });
    expect(made?.() ?? 0).toBe(0);
    const [count, ...ring] = new Int32Array(await readBack(device, state.ids));
    expect(count).toBe(steps);
    const latest = Array.from({ length: 10 }, (_, i) => steps - 10 + i);
    expect(latest.map((n) => ring[n % 10])).toEqual(wanted.slice(-10));
  }
  picker.dispose();
  state.dispose();
  for (const made of [buffer, table, next.embeds, next.seqlens, next.total]) {
    made.destroy();
  }
});

/** Counts the resources that are created until the returned function is called. */
function countCreated(): () => number {
  const spies = [
    vi.spyOn(device, "createBuffer"),
    vi.spyOn(device, "createBindGroup"),
    vi.spyOn(device, "createComputePipeline"),
  ];
  return () => {
    const made = spies.reduce((sum, { mock }) => sum + mock.calls.length, 0);
    for (const spy of spies) spy.mockRestore();
    return made;
  };
}

test("samples tokens as often as their probabilities", async () => {
  const likely = [0.5, 0.25, 0.125, 0.125];
  const row = Float32Array.from(likely, Math.log);
  const options = { ...greedy, temperature: 1, seed: 77 };
  const draws = Array.from({ length: 400 }, (_, count): Draw => {
    return { options, used: [], count };
  });
  const { ids } = await sampleRow(row, "float32", draws);
  likely.forEach((p, id) => {
    const count = ids.filter((each) => each === id).length;
    expect(count / draws.length).toBeCloseTo(p, 1);
  });
});

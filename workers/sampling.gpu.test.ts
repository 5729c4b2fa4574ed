import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Picker } from "./kernels/picker";
import { PickState } from "./kernels/pick-state";
import { openDevice, readBack, submit } from "./kernels/testing/gpu";
import { Sampler } from "./sampling";
import {
  greedy,
  makeLogits,
  makeRandom,
  pick,
  stored,
  type Options,
} from "./testing/picking";

let device: GPUDevice;

beforeAll(async () => {
  device = await openDevice();
});

afterAll(() => {
  device.destroy();
});

/**
 * How far, as a share of all mass, the sums that a draw compares are from where
 * it would have turned out otherwise. The GPU has exponentials of 24 bits.
 */
function margin(logits: Float32Array, options: typeof greedy, draw: number) {
  const { temperature, topK, topP } = options;
  const known = logits.map((logit) =>
    Number.isNaN(logit) ? -Infinity : logit,
  );
  const ids = [...known.keys()].sort(
    (a, b) => (known[b] ?? 0) - (known[a] ?? 0) || a - b,
  );
  const kept = topK > 0 ? ids.slice(0, topK) : ids;
  const peak = known[kept[0] ?? 0] ?? 0;
  const sums: number[] = [];
  let total = 0;
  for (const id of kept) {
    const logit = known[id] ?? 0;
    total += logit === peak ? 1 : Math.exp((logit - peak) / temperature);
    sums.push(total);
  }
  const nearest = (value: number): number =>
    sums.reduce(
      (least, sum) => Math.min(least, Math.abs(sum - value)),
      Infinity,
    );
  const nucleus = topP < 1 ? nearest(total * topP) : Infinity;
  const end = sums.find((sum) => sum >= total * topP) ?? total;
  const mass = topP < 1 ? end : total;
  return Math.min(nucleus, nearest(draw * mass)) / total;
}

/** The i-th number of mulberry32. */
function draw(seed: number, i: number): number {
  const state = (seed + Math.imul(i + 1, 0x6d2b79f5)) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}

const EPSILON = 2e-6;

describe.each(["float32", "float16"] as const)("draws, of %s", (type) => {
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
    test(`${title}: as on the processor`, async () => {
      let compared = 0;
      let near = 0;
      for (const vocabulary of [1, 3, 448, 2049, 5003]) {
        const random = makeRandom(vocabulary + 1);
        const used = [0, 2, 5, Math.floor(vocabulary / 2)];
        const sizes = { vocabulary, rows: 1, ring: 4 };
        const state = new PickState(device, sizes);
        const { all, buffer } = stored(
          device,
          [makeLogits(vocabulary, random)],
          type,
        );
        const logits = { buffer, type, rows: 1 };
        const picker = new Picker(device, state, logits);
        for (let seed = -6; seed < 6; seed++) {
          const options = { ...greedy, ...some, seed: seed * 123_456_789 };
          state.begin(options, used);
          // Some draws are not an answer's first.
          const count = Math.abs(seed) % 3;
          device.queue.writeBuffer(state.ids, 0, Int32Array.of(count));
          submit(device, (pass) => {
            picker.encode(pass);
          });
          const [id] = new Int32Array(await readBack(device, state.picked));
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
          // Sampler counts its draws; what they pick does not matter.
          const other = new Sampler({ ...options, repetitionPenalty: 1 }, []);
          for (let i = 0; i < count; i++) other.next(penalised.slice());
          const wanted =
            count === 0
              ? sampler.next(all.slice())
              : other.next(penalised.slice());
          expect([vocabulary, options.seed, id]).toEqual([
            ...[vocabulary, options.seed],
            wanted,
          ]);
        }
        picker.dispose();
        state.dispose();
        buffer.destroy();
      }
      expect(compared + near).toBe(60);
      expect(near).toBeLessThanOrEqual(3);
    });
  }

  test("equals are drawn by rising id, many or few", async () => {
    for (const vocabulary of [5, 700, 4500]) {
      const row = Float32Array.from({ length: vocabulary }, (_, i) => i % 2);
      for (const [topK, topP] of [
        [0, 1],
        [3, 1],
        [0, 0.3],
        [vocabulary - 1, 0.9],
      ] as const) {
        for (let seed = 0; seed < 6; seed++) {
          const options = { ...greedy, temperature: 1, topK, topP, seed };
          if (margin(row, options, draw(seed, 0)) < EPSILON) continue;
          const { picked } = await pick(device, [row], type, options);
          const wanted = new Sampler(options, []).next(row.slice());
          expect([vocabulary, topK, topP, seed, picked[0]]).toEqual([
            ...[vocabulary, topK, topP, seed],
            wanted,
          ]);
        }
      }
    }
  });

  test("NaN and infinities", async () => {
    for (const values of [
      [NaN, 0, NaN, 0, -Infinity],
      [NaN, NaN, NaN],
      [-Infinity, NaN, -Infinity, -3],
      [0, Infinity, 9, NaN, Infinity],
      [-0, 0, -0, 0],
    ]) {
      const row = Float32Array.from(values);
      for (let seed = 0; seed < 8; seed++) {
        const options = { ...greedy, temperature: 0.8, seed };
        const { picked } = await pick(device, [row], type, options);
        const wanted = new Sampler(options, []).next(row.slice());
        expect([values, seed, picked[0]]).toEqual([values, seed, wanted]);
      }
    }
  });
});

test("a whole vocabulary, drawn from with everything", async () => {
  const options = {
    ...{ temperature: 0.9, topK: 1000, topP: 0.98 },
    ...{ repetitionPenalty: 1.1, seed: 4 },
  };
  const logits = makeLogits(151_646, makeRandom(9));
  const used = [5, 100_000, 151_645];
  const penalised = logits.slice();
  new Sampler({ ...options, temperature: 0 }, used).next(penalised);
  expect(margin(penalised, options, draw(4, 0))).toBeGreaterThan(EPSILON);
  const { picked } = await pick(device, [logits], "float32", options, used);
  const wanted = new Sampler(options, used).next(logits.slice());
  expect(picked).toEqual([wanted]);
});

test("draws come out as often as they are likely", async () => {
  const likely = [0.5, 0.25, 0.125, 0.125];
  const row = Float32Array.from(likely, Math.log);
  const sizes = { vocabulary: 4, rows: 1, ring: 4 };
  const state = new PickState(device, sizes);
  const { buffer } = stored(device, [row], "float32");
  const logits = { buffer, type: "float32", rows: 1 } as const;
  const picker = new Picker(device, state, logits);
  state.begin({ ...greedy, temperature: 1, seed: 77 }, []);
  const counts = [0, 0, 0, 0];
  const draws = 400;
  for (let i = 0; i < draws; i++) {
    device.queue.writeBuffer(state.ids, 0, Int32Array.of(i));
    submit(device, (pass) => {
      picker.encode(pass);
    });
    const [id = -1] = new Int32Array(await readBack(device, state.picked));
    counts[id] = (counts[id] ?? 0) + 1;
  }
  likely.forEach((p, id) => {
    expect((counts[id] ?? 0) / draws).toBeCloseTo(p, 1);
  });
  picker.dispose();
  state.dispose();
  buffer.destroy();
});

import { GpuSampler } from "../kernels/sampler";
import { SamplerState } from "../kernels/sampler-state";
import { readBack, storage, submit } from "../kernels/testing/gpu";
import { fromHalf, toHalf } from "../util/float16";

export const greedy = {
  temperature: 0,
  topK: 0,
  topP: 1,
  repetitionPenalty: 1,
  seed: 1,
};
export type Options = Partial<typeof greedy>;
export type Type = "float32" | "float16";

/** Logits distributed like a language model's: a bell and a few outliers. */
export function makeLogits(count: number, random: () => number): Float32Array {
  const logits = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    const bell = random() + random() + random() + random() - 2;
    logits[i] = 4 * bell - (random() < 20 / count ? 0 : 8);
  }
  return logits;
}

/** Uploads rows of logits. Returns the values as the GPU reads them. */
export function uploadLogits(
  device: GPUDevice,
  rows: readonly Float32Array[],
  type: Type,
) {
  const all = Float32Array.from(rows.flatMap((row) => [...row]));
  if (type === "float32") return { all, buffer: storage(device, all) };
  const halves = toHalf(all);
  return { all: fromHalf(halves), buffer: storage(device, halves) };
}

/** The token sampled from each row. */
export async function sampleOnGpu(
  device: GPUDevice,
  rows: readonly Float32Array[],
  type: Type,
  options: Options = {},
  used: readonly number[] = [],
) {
  const vocabulary = rows[0]?.length ?? 0;
  const sizes = { vocabulary, rows: rows.length, ring: 4 };
  const state = new SamplerState(device, sizes);
  const { all, buffer } = uploadLogits(device, rows, type);
  const logits = { buffer, type, rows: rows.length };
  const picker = new GpuSampler(device, state, logits);
  state.begin({ ...greedy, ...options }, used);
  submit(device, (pass) => {
    picker.encode(pass);
  });
  const picked = [...new Int32Array(await readBack(device, state.picked))];
  picker.dispose();
  state.dispose();
  buffer.destroy();
  const read = rows.map((_, i) =>
    all.subarray(i * vocabulary, (i + 1) * vocabulary),
  );
  return { picked, read };
}

/**
 * The distance, as a share of all mass, between the sums that a draw compares and
 * the values at which another token would be drawn. The GPU computes exponentials
 * with 24 bits.
 */
export function margin(
  logits: Float32Array,
  options: typeof greedy,
  draw: number,
) {
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
export function draw(seed: number, i: number): number {
  const state = (seed + Math.imul(i + 1, 0x6d2b79f5)) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}

export const EPSILON = 2e-6;

import { Picker } from "../kernels/picker";
import { PickState } from "../kernels/pick-state";
import { readBack, storage, submit } from "../kernels/testing/gpu";
import { fromHalf, toHalf } from "../ort/half";

export const greedy = {
  temperature: 0,
  topK: 0,
  topP: 1,
  repetitionPenalty: 1,
  seed: 1,
};
export type Options = Partial<typeof greedy>;
export type Type = "float32" | "float16";

/** Numbers from 0 to 1 that are the same on every machine. */
export function makeRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** About as the logits of a language model lie: a bell and a few that stand
 * out. */
export function makeLogits(count: number, random: () => number): Float32Array {
  const logits = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    const bell = random() + random() + random() + random() - 2;
    logits[i] = 4 * bell - (random() < 20 / count ? 0 : 8);
  }
  return logits;
}

/** Rows of logits as the GPU has them, and as it reads them. */
export function stored(
  device: GPUDevice,
  rows: readonly Float32Array[],
  type: Type,
) {
  const all = Float32Array.from(rows.flatMap((row) => [...row]));
  if (type === "float32") return { all, buffer: storage(device, all) };
  const halves = toHalf(all);
  return { all: fromHalf(halves), buffer: storage(device, halves) };
}

/** What is picked of each row. */
export async function pick(
  device: GPUDevice,
  rows: readonly Float32Array[],
  type: Type,
  options: Options = {},
  used: readonly number[] = [],
) {
  const vocabulary = rows[0]?.length ?? 0;
  const sizes = { vocabulary, rows: rows.length, ring: 4 };
  const state = new PickState(device, sizes);
  const { all, buffer } = stored(device, rows, type);
  const logits = { buffer, type, rows: rows.length };
  const picker = new Picker(device, state, logits);
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

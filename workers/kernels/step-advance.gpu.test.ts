import { expect, test } from "vitest";
import { StepAdvance, type GpuEmbeddingTable } from "./step-advance";
import { SamplerState } from "./sampler-state";
import { useDevice, readBack, storage, submit } from "./testing/gpu";

let device: GPUDevice;
const vocabulary = 100;
const width = 3;
const greedy = {
  ...{ temperature: 0, topK: 0, topP: 1 },
  ...{ repetitionPenalty: 2, seed: 1 },
};

useDevice((opened) => {
  device = opened;
});

function open(rows: number, ring: number) {
  const state = new SamplerState(device, { vocabulary, rows, ring });
  const numbers = Float32Array.from(
    { length: vocabulary * width },
    (_, i) => i,
  );
  const data = storage(device, numbers);
  const type = "float32";
  const parts = [{ data, first: 0, rows: vocabulary }];
  const table: GpuEmbeddingTable = { width, type, outputType: type, parts };
  const embeds = storage(device, 4 * width);
  const seqlens = storage(device, Int32Array.of(10));
  const total = storage(device, Int32Array.of(11));
  const next = { embeds, type, seqlens, total } as const;
  const advance = new StepAdvance(device, state, table, next);
  const numbersIn = async (buffer: GPUBuffer): Promise<number[]> => [
    ...new Int32Array(await readBack(device, buffer)),
  ];
  return {
    state,
    /** Advances by the sampled ids and reads the state. */
    async advance(...picked: number[]) {
      device.queue.writeBuffer(state.picked, 0, Int32Array.from(picked));
      submit(device, (pass) => {
        advance.encode(pass);
      });
      const [first = NaN] = new Float32Array(await readBack(device, embeds));
      return {
        ids: await numbersIn(state.ids),
        lengths: [...(await numbersIn(seqlens)), ...(await numbersIn(total))],
        row: first / width,
      };
    },
    async used(): Promise<number[]> {
      const words = new Uint32Array(await readBack(device, state.used));
      const ids = Array.from({ length: vocabulary }, (_, id) => id);
      return ids.filter(
        (id) => (((words[Math.floor(id / 32)] ?? 0) >>> (id % 32)) & 1) === 1,
      );
    },
    dispose(): void {
      state.dispose();
      for (const buffer of [data, embeds, seqlens, total]) buffer.destroy();
    },
  };
}

test("appends ids to the ring and advances the lengths", async () => {
  const opened = open(1, 3);
  opened.state.begin(greedy, [99, 32]);
  expect(await opened.advance(7)).toEqual({
    ...{ ids: [1, 7, 0, 0], lengths: [11, 12], row: 7 },
  });
  await opened.advance(31);
  await opened.advance(0);
  expect(await opened.advance(64)).toEqual({
    ...{ ids: [4, 64, 31, 0], lengths: [14, 15], row: 64 },
  });
  expect(await opened.used()).toEqual([0, 7, 31, 32, 64, 99]);
  // Another answer starts empty.
  opened.state.begin(greedy, [1]);
  const { ids, row } = await opened.advance(2);
  expect([ids.slice(0, 2), row]).toEqual([[1, 2], 2]);
  expect(await opened.used()).toEqual([1, 2]);
  opened.dispose();
});

for (const [what, draft, picked, accepted] of [
  ["none", [], [5, 6, 7, 8], 0],
  ["right", [5, 6, 7], [5, 6, 7, 8], 3],
  ["half right", [5, 9, 7], [5, 6, 7, 8], 1],
  ["wrong at once", [4, 6, 7], [5, 6, 7, 8], 0],
  ["short", [5], [5, 6, 7, 8], 1],
] as const) {
  test(`verifies a draft that is ${what}`, async () => {
    const opened = open(4, 8);
    opened.state.begin(greedy, [], draft);
    const count = accepted + 1;
    const wanted = picked.slice(0, count);
    const result = await opened.advance(...picked);
    expect(result.ids.slice(0, 1 + count)).toEqual([count, ...wanted]);
    expect(result.lengths).toEqual([10 + count, 11 + count]);
    expect(result.row).toBe(wanted.at(-1));
    // A draft is used once.
    const { ids, lengths } = await opened.advance(5, 6, 7, 8);
    expect(ids.slice(0, 2 + count)).toEqual([count + 1, ...wanted, 5]);
    expect(lengths).toEqual([11 + count, 12 + count]);
    opened.dispose();
  });
}

test("throws for a draft with more ids than rows", () => {
  const opened = open(3, 4);
  expect(() => {
    opened.state.begin(greedy, [], [1, 2, 3]);
  }).toThrow(RangeError);
  opened.dispose();
});

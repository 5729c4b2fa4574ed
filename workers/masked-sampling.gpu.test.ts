import { describe, expect, test } from "vitest";
import { toHalf } from "./util/float16";
import { applyMask, Sampler } from "./backends/ort/sampling";
import {
  draw,
  EPSILON,
  greedy,
  makeLogits,
  margin,
  uploadLogits,
  type Options,
  type Type,
} from "./testing/sampler";
import { GpuSampler } from "./kernels/sampler";
import { SamplerState } from "./kernels/sampler-state";
import { useDevice, readBack, submit } from "./kernels/testing/gpu";
import { seededRandom } from "./kernels/testing/random";

let device: GPUDevice;

useDevice((opened) => {
  device = opened;
});

/** A copy of `logits` without the forbidden tokens. */
function masked(logits: Float32Array, allowed: Uint32Array): Float32Array {
  const copy = logits.slice();
  applyMask(copy, allowed);
  return copy;
}

/** Each token is allowed with that probability; at least one is. */
function makeBits(count: number, share: number, random: () => number) {
  const bits = new Uint32Array(Math.ceil(count / 32));
  const allow = (id: number): void => {
    const word = Math.floor(id / 32);
    bits[word] = (bits[word] ?? 0) | (1 << (id % 32));
  };
  allow(Math.floor(random() * count));
  for (let id = 0; id < count; id++) if (random() < share) allow(id);
  return bits;
}

/** What is picked of a row where only those bits are allowed; then of the same
 * row, by another answer that is free. */
async function pickAllowed(
  row: Float32Array,
  type: Type,
  bits: Uint32Array<ArrayBuffer>,
  options: Options = {},
) {
  const sizes = { vocabulary: row.length, rows: 1, ring: 4 };
  const state = new SamplerState(device, sizes);
  const { all, buffer } = uploadLogits(device, [row], type);
  const picker = new GpuSampler(device, state, { buffer, type, rows: 1 });
  const pick = async (): Promise<number> => {
    submit(device, (pass) => {
      picker.encode(pass);
    });
    return new Int32Array(await readBack(device, state.picked))[0] ?? -1;
  };
  state.begin({ ...greedy, ...options }, []);
  state.allow(bits);
  const picked = await pick();
  const again = type === "float32" ? all : toHalf(all);
  const even = new Uint8Array(Math.ceil(again.byteLength / 4) * 4);
  even.set(new Uint8Array(again.buffer, again.byteOffset, again.byteLength));
  device.queue.writeBuffer(buffer, 0, even);
  state.begin({ ...greedy, ...options }, []);
  const free = await pick();
  picker.dispose();
  state.dispose();
  buffer.destroy();
  return { picked, free, read: all };
}

describe.each(["float32", "float16"] as const)("masked, of %s", (type) => {
  test.each([1, 2, 31, 33, 448, 2049, 32_001, 151_646])("%i", async (count) => {
    const random = seededRandom(count);
    for (const share of [0, 0.01, 0.5, 1]) {
      const row = makeLogits(count, random);
      const bits = makeBits(count, share, random);
      const { picked, free, read } = await pickAllowed(row, type, bits);
      const own = new Sampler(greedy, []);
      expect(picked).toBe(own.next(masked(read, bits)));
      expect(free).toBe(own.next(read.slice()));
    }
  });

  test("draws are among what is allowed", async () => {
    const random = seededRandom(9);
    let compared = 0;
    for (let seed = 0; seed < 12; seed++) {
      const row = makeLogits(3001, random);
      const bits = makeBits(3001, 0.02, random);
      const options = {
        ...greedy,
        temperature: 0.5 + random(),
        topK: seed % 3 === 0 ? 40 : 0,
        topP: seed % 2 === 0 ? 0.9 : 1,
        seed,
      };
      const { picked, read } = await pickAllowed(row, type, bits, options);
      expect(((bits[picked >> 5] ?? 0) >>> (picked & 31)) & 1).toBe(1);
      const left = masked(read, bits);
      if (margin(left, options, draw(seed, 0)) < EPSILON) continue;
      compared += 1;
      expect(picked).toBe(new Sampler(options, []).next(left));
    }
    expect(compared).toBeGreaterThan(8);
  });
});

test("bits may be fewer or more than there are tokens", async () => {
  const row = Float32Array.from({ length: 70 }, (_, id) => id);
  const few = await pickAllowed(row, "float32", Uint32Array.of(0b1010));
  expect(few.picked).toBe(3);
  const many = new Uint32Array(9).fill(0xffffffff);
  expect((await pickAllowed(row, "float32", many)).picked).toBe(69);
});

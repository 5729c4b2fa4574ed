import { expect, test } from "vitest";
import {
  attentionUniform,
  attentionVariants,
  type Attention,
} from "./attention";
import { attentionReference } from "./attention.reference";
import { maxAbsDifference, runVariant } from "./testing/run-variant";
import { useDevice } from "./testing/gpu";
import { noise } from "./testing/random";

let device: GPUDevice;

useDevice((opened) => {
  device = opened;
});

const type = "float32";
const cases: Attention[] = [
  {
    ...{ queries: 1, heads: 6, reps: 3, headDim: 32, capacity: 50, total: 37 },
    ...{ causal: true, alpha: 0.2, type },
  },
  {
    ...{ queries: 13, heads: 4, reps: 2, headDim: 20, capacity: 64, total: 40 },
    ...{ causal: true, alpha: 1.5, type },
  },
  {
    ...{ queries: 9, heads: 3, reps: 1, headDim: 64, capacity: 9, total: 9 },
    ...{ causal: true, alpha: 0.1, type },
  },
  {
    ...{ queries: 36, heads: 4, reps: 1, headDim: 32, capacity: 36, total: 36 },
    ...{ causal: false, alpha: 0.18, type },
  },
  {
    ...{ queries: 3, heads: 2, reps: 2, headDim: 128, capacity: 8, total: 7 },
    ...{ causal: true, alpha: 9, type },
  },
];

for (const of of cases) {
  const { queries, heads, headDim, capacity, total, reps } = of;
  const sees = of.causal ? "causal" : "all";
  const title = `${queries} queries of ${heads} heads of ${headDim}, ${total} of ${capacity} keys, ${sees}`;
  test(title, async () => {
    const keyed = (heads / reps) * capacity * headDim;
    const data = {
      q: noise(queries * heads * headDim, 1),
      keys: noise(keyed, 2),
      values: noise(keyed, 3),
    };
    const expected = attentionReference(of, data);
    const seqlens = new Float32Array(Int32Array.of(total - 1, 0, 0, 0).buffer);
    const variants = attentionVariants(of, device.limits);
    expect(variants.length).toBeGreaterThan(0);
    for (const variant of variants) {
      // The length from the uniform, then from the buffer.
      for (const length of [total, 0]) {
        const y = await runVariant(
          device,
          variant,
          [data.q, data.keys, data.values, seqlens],
          expected.length,
          attentionUniform({ ...of, total: length }),
        );
        const { label } = variant.kernel;
        expect(maxAbsDifference(y, expected), label).toBeLessThan(1e-5);
      }
    }
  });
}

import type { Attention } from "./attention";

interface AttentionData {
  readonly q: Float32Array;
  readonly keys: Float32Array;
  readonly values: Float32Array;
}

/** Attention of attention.wgsl, by its formula; `total` must not be 0. */
export function attentionReference(
  { queries, heads, reps, headDim, capacity, total, causal, alpha }: Attention,
  { q, keys, values }: AttentionData,
): Float32Array {
  const y = new Float32Array(queries * heads * headDim);
  for (let query = 0; query < queries; query++) {
    for (let head = 0; head < heads; head++) {
      const mine = (query * heads + head) * headDim;
      const visible = causal ? Math.max(0, total - queries) + query + 1 : total;
      const keyAt = (key: number) =>
        (Math.floor(head / reps) * capacity + key) * headDim;
      const scores = Array.from({ length: visible }, (_, key) => {
        let score = 0;
        for (let i = 0; i < headDim; i++) {
          score += (q[mine + i] ?? NaN) * (keys[keyAt(key) + i] ?? NaN);
        }
        return alpha * score;
      });
      const largest = Math.max(...scores);
      const weights = scores.map((score) => Math.exp(score - largest));
      const sum = weights.reduce((a, b) => a + b, 0);
      for (let i = 0; i < headDim; i++) {
        y[mine + i] = weights.reduce((total, weight, key) => {
          return total + (weight / sum) * (values[keyAt(key) + i] ?? NaN);
        }, 0);
      }
    }
  }
  return y;
}

import type { Sampling } from "../../../src/shared/protocol";
import { at } from "../../util/assert";

/**
 * Samples a token from logits on the CPU, applying repetition penalty,
 * temperature, top-k and top-p in the order of transformers' logits processors.
 */
export class Sampler {
  readonly #options: Sampling;
  readonly #random: () => number;
  readonly #used: Set<number>;

  constructor(options: Sampling, promptIds: readonly number[]) {
    this.#options = options;
    this.#random = mulberry32(options.seed);
    this.#used = new Set(promptIds);
  }

  /** Samples the next token and counts it as used. Overwrites `logits`. */
  next(logits: Float32Array): number {
    this.#penalise(logits);
    const greedy = this.#options.temperature === 0;
    const token = greedy ? argmax(logits) : this.#draw(logits);
    this.#used.add(token);
    return token;
  }

  #penalise(logits: Float32Array): void {
    const { repetitionPenalty } = this.#options;
    if (repetitionPenalty === 1) return;
    // Products of two floats are the same on every GPU, quotients are not.
    const lower = Math.fround(1 / repetitionPenalty);
    const raise = Math.fround(repetitionPenalty);
    for (const id of this.#used) {
      const logit = logits[id];
      if (logit === undefined) continue;
      logits[id] = logit * (logit > 0 ? lower : raise);
    }
  }

  #draw(logits: Float32Array): number {
    const { temperature, topK, topP } = this.#options;
    logits.forEach((logit, id) => {
      if (Number.isNaN(logit)) logits[id] = -Infinity;
    });
    const ids = sortedByLogit(logits);
    const candidates = ids.subarray(0, topK > 0 ? topK : ids.length);
    const peak = at(logits, at(candidates, 0));
    const weights = Float64Array.from(candidates, (id) => {
      const logit = logits[id] ?? NaN;
      // Infinity - Infinity is NaN.
      return logit === peak ? 1 : Math.exp((logit - peak) / temperature);
    });
    const total = weights.reduce((a, b) => a + b, 0);
    const count = nucleusSize(weights, total * topP);
    const mass = weights.subarray(0, count).reduce((a, b) => a + b, 0);
    let left = this.#random() * mass;
    for (let i = 0; i < count; i++) {
      left -= weights[i] ?? NaN;
      if (left < 0) return at(candidates, i);
    }
    return at(candidates, count - 1);
  }
}

/** Sets the logits of forbidden tokens to -Infinity. */
export function applyMask(logits: Float32Array, allowed: Uint32Array): void {
  for (let id = 0; id < logits.length; id++) {
    // The mask may be shorter than the vocabulary: ids beyond it are forbidden.
    const word = allowed[Math.floor(id / 32)] ?? 0;
    if (((word >>> (id % 32)) & 1) === 0) logits[id] = -Infinity;
  }
}

/** Index of the largest value, the first of equal ones; NaN is skipped. */
export function argmax(values: Float32Array): number {
  let best = 0;
  let largest = -Infinity;
  values.forEach((value, i) => {
    if (value > largest) {
      largest = value;
      best = i;
    }
  });
  return best;
}

/** Ids by falling logit, equal ones by rising id. Logit and id are packed into
 * one number: a sort without a callback is ten times faster. */
function sortedByLogit(logits: Float32Array): Uint32Array {
  const bits = new Int32Array(logits.buffer, logits.byteOffset, logits.length);
  const keys = Float64Array.from(bits, (word, id) => {
    // IEEE 754 floats sort as their bits do, negative ones backwards.
    const rank = word < 0 ? word ^ 0x7fffffff : word;
    return -rank * ID_SPAN + id;
  });
  return Uint32Array.from(keys.sort(), (key) => {
    return key - Math.floor(key / ID_SPAN) * ID_SPAN;
  });
}

/** Larger than any vocabulary; with 32 bits of rank it fits in 53 bits. */
const ID_SPAN = 2 ** 20;

/** How many of the falling `weights` it takes to reach `mass`; at least one. */
function nucleusSize(weights: Float64Array, mass: number): number {
  let sum = 0;
  const last = weights.findIndex((weight) => {
    sum += weight;
    return sum >= mass;
  });
  return last < 0 ? weights.length : last + 1;
}

/** Seeded generator of numbers in [0, 1); public domain, T. Ettinger. */
function mulberry32(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

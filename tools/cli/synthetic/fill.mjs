// @ts-check
/**
 * Fills tensors with synthetic weights. tools/synthetic/weights.py computes the same
 * values; tests compare both with tools/synthetic/vector.json. Runs in Node and
 * browsers.
 */

/**
 * How to fill a tensor. `f32`, `f16`: uniform in base ± scale; `bytes`: uniform;
 * `cos`, `sin`: of position / divisor, with one row per position.
 * @typedef {{ count: number } & (
 *   | { kind: "f32" | "f16", seed: number, scale: number, base: number }
 *   | { kind: "bytes", seed: number }
 *   | { kind: "cos" | "sin", type: "f32" | "f16", divisors: readonly number[] }
 * )} Fill
 */

/** @param {Fill} fill @returns {number} bytes of one element */
export function elementBytes(fill) {
  const type = "type" in fill ? fill.type : fill.kind;
  return type === "bytes" ? 1 : type === "f16" ? 2 : 4;
}

/** @param {Fill} fill */
export const byteLength = (fill) => fill.count * elementBytes(fill);

/** lowbias32 (Chris Wellons). @param {number} x */
function mix(x) {
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return x ^ (x >>> 16);
}

/**
 * Fills `into` with the tensor's elements from `start` on, in native byte order,
 * which is little-endian wherever Node or Chromium runs.
 * @param {Uint8Array<ArrayBuffer>} into byteOffset must be a multiple of 4
 * @param {Fill} fill
 * @param {number} start
 */
export function fillElements(into, fill, start) {
  const { buffer, byteOffset, byteLength } = into;
  if (fill.kind === "bytes") {
    if (start % 4 !== 0 || byteLength % 4 !== 0) {
      throw new Error("Start and length of bytes must be multiples of 4.");
    }
    const words = new Uint32Array(buffer, byteOffset, byteLength / 4);
    fillWords(words, fill.seed, start / 4);
    return;
  }
  const half = elementBytes(fill) === 2;
  const count = byteLength / elementBytes(fill);
  const floats = half
    ? new Float32Array(count)
    : new Float32Array(buffer, byteOffset, count);
  if ("seed" in fill) fillFloats(floats, fill, start);
  else fillWaves(floats, fill.kind, fill.divisors, start);
  if (half) toHalf(floats, new Uint16Array(buffer, byteOffset, count));
}

/** @param {Uint32Array} words @param {number} seed @param {number} start */
function fillWords(words, seed, start) {
  for (let i = 0; i < words.length; i++) {
    words[i] = mix(mix(start + i) ^ seed);
  }
}

/**
 * @param {Float32Array} floats
 * @param {{ seed: number, scale: number, base: number }} fill
 * @param {number} start
 */
function fillFloats(floats, { seed, scale, base }, start) {
  const by = Math.fround(scale);
  const from = Math.fround(base);
  for (let i = 0; i < floats.length; i++) {
    const hash = mix(mix(start + i) ^ seed) >>> 8;
    // Exact except for the two roundings of float32 arithmetic.
    floats[i] = Math.fround((hash / 8388608 - 1) * by) + from;
  }
}

/**
 * @param {Float32Array} floats
 * @param {"cos" | "sin"} kind
 * @param {readonly number[]} divisors
 * @param {number} start
 */
function fillWaves(floats, kind, divisors, start) {
  const width = divisors.length;
  for (let i = 0; i < floats.length; i++) {
    const position = Math.floor((start + i) / width);
    const divisor = Math.fround(
      /** @type {number} */ (divisors[(start + i) % width]),
    );
    const angle = Math.fround(position / divisor);
    floats[i] = kind === "cos" ? Math.cos(angle) : Math.sin(angle);
  }
}

/**
 * Rounds to half precision, ties to even; for |x| < 65504.
 * @param {Float32Array} from @param {Uint16Array} to
 */
function toHalf(from, to) {
  const bits = new Uint32Array(from.buffer, from.byteOffset, from.length);
  bits.forEach((x, i) => {
    const sign = (x >>> 16) & 0x8000;
    const magnitude = x & 0x7fffffff;
    // 0x38800000: 2^-14, the smallest normal half.
    to[i] =
      sign |
      (magnitude < 0x38800000
        ? subnormal(magnitude)
        : (magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
  });
}

/** A half below 2^-14 is a multiple of 2^-24. @param {number} magnitude */
function subnormal(magnitude) {
  const shift = 126 - (magnitude >>> 23);
  if (shift > 24) return 0;
  const mantissa = (magnitude & 0x7fffff) | 0x800000;
  const rest = mantissa & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  const whole = mantissa >>> shift;
  return whole + (rest > half || (rest === half && whole % 2 === 1) ? 1 : 0);
}

// @ts-check
/**
 * Fills tensors with made weights: tools/shapes/noise.py says how, and both are
 * held to tools/shapes/vector.json. Runs in Node and in browsers.
 */

/**
 * How a tensor is filled. `f32`, `f16`: uniform in base ± scale; `bytes`: each
 * of 256 values alike; `cos`, `sin`: of position / divisor, a row a position.
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
 * The tensor's elements from `start` on, as many as `into` holds. Numbers are
 * written as this machine does: little-endian on all that run Node or Chromium.
 * @param {Uint8Array<ArrayBuffer>} into its offset a multiple of 4
 * @param {Fill} fill
 * @param {number} start
 */
export function fillElements(into, fill, start) {
  const { buffer, byteOffset, byteLength } = into;
  if (fill.kind === "bytes") {
    if (start % 4 !== 0 || byteLength % 4 !== 0) {
      throw new Error("Bytes are filled in words of four.");
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
    // Exact until the two roundings, which are those of float32 arithmetic.
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
    const divisor = divisors[(start + i) % width] ?? 1;
    const angle = Math.fround(position / Math.fround(divisor));
    floats[i] = kind === "cos" ? Math.cos(angle) : Math.sin(angle);
  }
}

/**
 * To half precision, to the nearest, ties to even; for |x| < 65504.
 * @param {Float32Array} from @param {Uint16Array} to
 */
function toHalf(from, to) {
  const bits = new Uint32Array(from.buffer, from.byteOffset, from.length);
  for (let i = 0; i < bits.length; i++) {
    const x = bits[i] ?? 0;
    const sign = (x >>> 16) & 0x8000;
    const magnitude = x & 0x7fffffff;
    // 0x38800000: 2^-14, the smallest normal half.
    to[i] =
      sign |
      (magnitude < 0x38800000
        ? subnormal(magnitude)
        : (magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
  }
}

/** Below 2^-14 a half is a multiple of 2^-24. @param {number} magnitude */
function subnormal(magnitude) {
  const shift = 126 - (magnitude >>> 23);
  if (shift > 24) return 0;
  const mantissa = (magnitude & 0x7fffff) | 0x800000;
  const rest = mantissa & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  const whole = mantissa >>> shift;
  return whole + (rest > half || (rest === half && whole % 2 === 1) ? 1 : 0);
}

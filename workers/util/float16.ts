/** Conversion of half-precision floats, for engines without Float16Array. */

let table: Float32Array | undefined;

/** All 65,536 halves as floats. */
function halves(): Float32Array {
  if (table !== undefined) return table;
  table = new Float32Array(65536);
  for (let bits = 0; bits < 65536; bits++) {
    const sign = bits < 32768 ? 1 : -1;
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    let size = (1024 + fraction) * 2 ** (exponent - 25);
    if (exponent === 0) size = fraction * 2 ** -24;
    if (exponent === 31) size = fraction === 0 ? Infinity : NaN;
    table[bits] = sign * size;
  }
  return table;
}

export function fromHalf(bits: Uint16Array): Float32Array<ArrayBuffer> {
  const known = halves();
  const floats = new Float32Array(bits.length);
  bits.forEach((half, i) => {
    floats[i] = known[half] as number;
  });
  return floats;
}

/** Rounds to nearest, ties to even. */
export function toHalf(floats: Float32Array): Uint16Array<ArrayBuffer> {
  const words = new Uint32Array(
    floats.buffer,
    floats.byteOffset,
    floats.length,
  );
  const bits = new Uint16Array(floats.length);
  words.forEach((word, i) => {
    bits[i] = halfOf(word);
  });
  return bits;
}

/** From the bits of a float32. */
function halfOf(word: number): number {
  const sign = (word >>> 16) & 0x8000;
  const size = word & 0x7fffffff;
  if (size > 0x7f800000) return sign | 0x7e00;
  // 65520 is the smallest that rounds to infinity.
  if (size >= 0x477ff000) return sign | 0x7c00;
  // Below 2^-14 halves are multiples of 2^-24.
  if (size < 0x38800000) {
    const exponent = size >>> 23;
    if (exponent < 102) return sign;
    const fraction = (size & 0x7fffff) | 0x800000;
    return sign | roundedShift(fraction, 126 - exponent);
  }
  return sign | roundedShift(size - 0x38000000, 13);
}

/** value / 2^shift, rounded to nearest, ties to even. */
function roundedShift(value: number, shift: number): number {
  const whole = value >>> shift;
  const rest = value - whole * 2 ** shift;
  const half = 2 ** (shift - 1);
  return rest > half || (rest === half && whole % 2 === 1) ? whole + 1 : whole;
}

// embeds[column] = table[id][column] for the last id of the answer.
//
// The table has f32, f16, or packed integers of BITS bits, lowest bits first; these
// are (number - zero of the block) * scale of the block, as in
// GatherBlockQuantized. ROUNDED: values are rounded to f16 first. A thread computes
// two numbers, which are one word of f16.

override WIDTH: u32;
override FIRST: u32; // index of the first row in this part of the table
override ROWS: u32; // of this part
override BITS: u32; // 32, 16, or fewer
override TO_HALVES: bool;
override ROUNDED: bool;
// For integers only:
override SIGNED: bool = false;
override SIZE: u32 = 1;
override HALF_SCALES: bool = false;
override HAS_ZEROS: bool = false;
override ZERO: i32 = 0; // without zero points
override ZEROS: u32 = 1; // row stride of the zero points

@group(0) @binding(0) var<storage, read> ids: array<i32>;
@group(0) @binding(1) var<storage, read> table: array<u32>;
@group(0) @binding(2) var<storage, read> scales: array<u32>;
@group(0) @binding(3) var<storage, read> zeros: array<u32>;
@group(0) @binding(4) var<storage, read_write> embeds: array<u32>;

fn signed(value: u32) -> i32 {
  let sign = 1u << (BITS - 1);
  return select(i32(value), i32(value ^ sign) - i32(sign), SIGNED);
}

fn half_of(word: u32, at: u32) -> u32 {
  return widen((word >> (16 * (at & 1))) & 0xffffu);
}

// A number of the table, as f32 bits.
fn number(row: u32, column: u32) -> u32 {
  let at = (row - FIRST) * WIDTH + column;
  if (BITS == 32) {
    return table[at];
  }
  if (BITS == 16) {
    return half_of(table[at / 2], at);
  }
  let each = 32 / BITS;
  let mask = (1u << (BITS & 31)) - 1;
  let value = signed((table[at / each] >> (BITS * (at % each))) & mask);
  let block = column / SIZE;
  var zero = ZERO;
  if (HAS_ZEROS) {
    let place = row * ZEROS + block;
    zero = signed((zeros[place / each] >> (BITS * (place % each))) & mask);
  }
  let place = row * ((WIDTH + SIZE - 1) / SIZE) + block;
  var scale = 0u;
  if (HALF_SCALES) {
    scale = half_of(scales[place / 2], place);
  } else {
    scale = scales[place];
  }
  return bitcast<u32>(f32(value - zero) * bitcast<f32>(scale));
}

fn put_float(row: u32, column: u32) {
  if (column < WIDTH) {
    let bits = number(row, column);
    var rounded = bits;
    if (ROUNDED) {
      rounded = widen(narrow(bits));
    }
    embeds[column] = rounded;
  }
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) thread: vec3u) {
  let first = 2 * thread.x;
  if (first >= WIDTH) {
    return;
  }
  let ring = arrayLength(&ids) - 1;
  let row = u32(ids[1 + u32(ids[0] - 1) % ring]);
  // A row before FIRST wraps around to a large number.
  if (row - FIRST >= ROWS) {
    return;
  }
  if (TO_HALVES) {
    var word = narrow(number(row, first));
    if (first + 1 < WIDTH) {
      word |= narrow(number(row, first + 1)) << 16;
    }
    embeds[thread.x] = word;
  } else {
    put_float(row, first);
    put_float(row, first + 1);
  }
}

// Bindings and results of the products with weights of 4 bits; see matmul-q4.wgsl.

struct Size {
  rows: u32,
  inner: u32, // K / 4
  columns: u32, // N
  blocks: u32, // of a column
  flags: u32,
}

const ZEROS = 1u;
const BIAS = 2u;

@group(0) @binding(0) var<storage, read> x: array<vec4<Stored>>;
@group(0) @binding(1) var<storage, read> w: array<u32>;
@group(0) @binding(2) var<storage, read> scales: array<Stored>;
@group(0) @binding(3) var<storage, read> zeros: array<u32>;
@group(0) @binding(4) var<storage, read> bias: array<Stored>;
@group(0) @binding(5) var<storage, read_write> y: array<Stored>;
@group(0) @binding(6) var<uniform> size: Size;

// Zero points have 4 bits; those of a column fill whole bytes.
fn zero_of(column: u32, block: u32) -> f32 {
  if ((size.flags & ZEROS) == 0) {
    return 8;
  }
  let at = column * ((size.blocks + 1) / 2 * 2) + block;
  return f32((zeros[at / 8] >> (at % 8 * 4)) & 15);
}

fn write(row: u32, column: u32, sum: f32) {
  var value = sum;
  if ((size.flags & BIAS) != 0) {
    value += f32(bias[column]);
  }
  y[row * size.columns + column] = Stored(value);
}

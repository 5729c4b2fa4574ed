// Converts rows between f16 and f32, two numbers per thread:
//   dest[to_row + row][column] = source[from_row + row][column]
override WIDEN: bool; // to floats

struct RowRange {
  pairs: u32, // pairs of numbers per row
  rows: u32,
  from_row: u32,
  to_row: u32,
}

@group(0) @binding(0) var<storage, read> source: array<u32>;
@group(0) @binding(1) var<storage, read_write> dest: array<u32>;
@group(0) @binding(2) var<uniform> range: RowRange;

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= range.pairs || id.y >= range.rows) {
    return;
  }
  let start = (range.from_row + id.y) * range.pairs + id.x;
  let end = (range.to_row + id.y) * range.pairs + id.x;
  if (WIDEN) {
    dest[2 * end] = widen(source[start] & 0xffffu);
    dest[2 * end + 1] = widen(source[start] >> 16);
  } else {
    let low = narrow(source[2 * start]);
    dest[end] = low | (narrow(source[2 * start + 1]) << 16);
  }
}

// Rows of floats as halves, or of halves as floats; two numbers a thread:
// dest[to + row][column] = source[from + row][column].
override WIDEN: bool; // to floats

struct Place {
  pairs: u32, // of a row
  rows: u32,
  from_row: u32,
  to_row: u32,
}

@group(0) @binding(0) var<storage, read> source: array<u32>;
@group(0) @binding(1) var<storage, read_write> dest: array<u32>;
@group(0) @binding(2) var<uniform> place: Place;

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= place.pairs || id.y >= place.rows) {
    return;
  }
  let start = (place.from_row + id.y) * place.pairs + id.x;
  let end = (place.to_row + id.y) * place.pairs + id.x;
  if (WIDEN) {
    dest[2 * end] = widen(source[start] & 0xffffu);
    dest[2 * end + 1] = widen(source[start] >> 16);
  } else {
    let low = narrow(source[2 * start]);
    dest[end] = low | (narrow(source[2 * start + 1]) << 16);
  }
}

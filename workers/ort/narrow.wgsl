// Rows of floats as halves, two numbers a thread: dest[i] = half(source[i]).
// Neither way needs the feature shader-f16.
struct Place {
  pairs: u32, // of a row
  rows: u32,
  source_row: u32,
  dest_row: u32,
}

@group(0) @binding(0) var<storage, read> source: array<vec2f>;
@group(0) @binding(1) var<storage, read_write> dest: array<u32>;
@group(0) @binding(2) var<uniform> place: Place;

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= place.pairs || id.y >= place.rows) {
    return;
  }
  let start = (place.source_row + id.y) * place.pairs + id.x;
  let end = (place.dest_row + id.y) * place.pairs + id.x;
  dest[end] = pack2x16float(source[start]);
}

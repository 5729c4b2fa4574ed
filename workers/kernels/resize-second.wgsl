// Second pass of the resize, into the layout that the encoder reads:
//   planes[c][y][x] = clip8(sum_k narrow[start_y + k][x][c] * w_y[k]) / 255
//
// Exact like the first pass. `planes` is f32 [3, size, size], R G B.

@group(0) @binding(0) var<uniform> tile: Tile;
@group(0) @binding(1) var<storage, read> spans: array<Span>;
@group(0) @binding(2) var<storage, read> weights: array<i32>;
@group(0) @binding(3) var<storage, read> narrow: array<u32>;
@group(0) @binding(4) var<storage, read_write> planes: array<f32>;

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= tile.columns || id.y >= tile.rows) {
    return;
  }
  let x = tile.column + id.x;
  let y = tile.row + id.y;
  let span = spans[y];
  let first = u32(span.start) - tile.source_row;
  var sum = vec3i(1 << 21);
  for (var k = 0u; k < u32(span.count); k++) {
    let color = narrow[(first + k) * tile.columns + id.x];
    let rgb = (vec3u(color) >> vec3u(0, 8, 16)) & vec3u(255);
    sum += vec3i(rgb) * weights[y * tile.second_stride + k];
  }
  let color = vec3f(clamp(sum >> vec3u(22), vec3i(0), vec3i(255))) / 255.0;
  let plane = tile.size * tile.size;
  let at = select(y * tile.size + x, x * tile.size + y, tile.turned == 1);
  planes[at] = color.r;
  planes[plane + at] = color.g;
  planes[2u * plane + at] = color.b;
}

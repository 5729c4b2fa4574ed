// First pass of the resize: out[y][x] = clip8(sum_k texel[y][start_x + k] * w_x[k]).
//
// Integers as in Pillow: 8-bit texels times weights with 22 fraction bits fit in 32
// bits, so the result is exact on every GPU. `narrow` has one packed RGBA8 word per
// source row and output column of the tile. Texels have premultiplied alpha and are
// blended with the background first: c + round(background * (255 - alpha) / 255).

@group(0) @binding(0) var<uniform> tile: Tile;
@group(0) @binding(1) var<storage, read> spans: array<Span>;
@group(0) @binding(2) var<storage, read> weights: array<i32>;
@group(0) @binding(3) var image: texture_2d<f32>;
@group(0) @binding(4) var<storage, read_write> narrow: array<u32>;

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= tile.columns || id.y >= tile.source_rows) {
    return;
  }
  let x = tile.column + id.x;
  let span = spans[x];
  let first = span.start - i32(tile.source_column);
  let background = vec3i(vec3u(tile.background) >> vec3u(0, 8, 16)) & vec3i(255);
  var sum = vec3i(1 << 21);
  for (var k = 0; k < span.count; k++) {
    let at = vec2i(first + k, i32(id.y));
    let texel = textureLoad(image, select(at, at.yx, tile.turned == 1), 0);
    let pixel = vec4i(round(texel * 255.0));
    let behind = (background * (255 - pixel.a) + 127) / 255;
    sum += (pixel.rgb + behind) * weights[x * tile.first_stride + u32(k)];
  }
  let color = vec3u(clamp(sum >> vec3u(22), vec3i(0), vec3i(255)));
  narrow[id.y * tile.columns + id.x] = color.r | (color.g << 8) | (color.b << 16);
}

// The row of gated-q4.wgsl, K split among threads: one row is limited by the bandwidth
// of the weights, and needs many threads to use it. WIDTH threads read adjacent words
// of the same COLUMNS columns, and HEIGHT such groups form a workgroup.

var<workgroup> parts: array<vec2f, HEIGHT * COLUMNS * WIDTH>;
var<workgroup> squares_of: array<f32, HEIGHT * WIDTH>;

@compute @workgroup_size(WIDTH, HEIGHT)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  const THREADS = WIDTH * HEIGHT;
  write_terms(group.x * THREADS + index, groups.x * THREADS);
  let column = (group.x * HEIGHT + local.y) * COLUMNS;
  var columns: array<u32, COLUMNS>;
  // unroll
  for (var c = 0u; c < COLUMNS; c++) {
    columns[c] = min(column + c, size.columns - 1) * size.blocks;
  }
  var sums: array<vec2f, COLUMNS>;
  var squares = 0.0;
  for (var word = local.x; 2 * word < size.inner; word += WIDTH) {
    let block = word / WORDS;
    // unroll
    for (var half = 0u; half < HALVES; half++) {
      let at = 2 * word + half;
      let t = term(at);
      let z = t * vec4f(gamma[at]);
      squares += dot(t, t);
      // unroll
      for (var c = 0u; c < COLUMNS; c++) {
        let first = columns[c] * WORDS + word;
        let g = dequantize(gate[first] >> (16 * half), LANES, -8.0);
        let u = dequantize(up[first] >> (16 * half), LANES, -8.0);
        let scale = vec2f(
          f32(gate_scales[columns[c] + block]),
          f32(up_scales[columns[c] + block]),
        );
        sums[c] += scale * vec2f(dot(z, g), dot(z, u));
      }
    }
  }
  // unroll
  for (var c = 0u; c < COLUMNS; c++) {
    parts[(local.y * COLUMNS + c) * WIDTH + local.x] = sums[c];
  }
  squares_of[index] = squares;
  workgroupBarrier();
  if (local.x >= COLUMNS || column + local.x >= size.columns) {
    return;
  }
  var sum = vec2f();
  var all = 0.0;
  for (var i = 0u; i < WIDTH; i++) {
    sum += parts[(local.y * COLUMNS + local.x) * WIDTH + i];
    all += squares_of[local.y * WIDTH + i];
  }
  write(column + local.x, sum.x, sum.y, all);
}

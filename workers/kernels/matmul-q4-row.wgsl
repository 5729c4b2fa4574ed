// The product of matmul-q4.wgsl for a single row, K split among threads:
//   y[n] = bias[n] + sum_k x[k] * w[k][n]
//
// One row is limited by the bandwidth of w, and needs many threads to use it: WIDTH
// threads read adjacent words of the same COLUMNS columns, and HEIGHT such groups
// form a workgroup. The sum of the parts has another order than in matmul-q4.wgsl.
// K is a multiple of 8, N is arbitrary.

var<workgroup> parts: array<f32, HEIGHT * COLUMNS * WIDTH>;

@compute @workgroup_size(WIDTH, HEIGHT)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let column = (group.x * HEIGHT + local.y) * COLUMNS;
  var columns: array<u32, COLUMNS>;
  // unroll
  for (var c = 0u; c < COLUMNS; c++) {
    columns[c] = min(column + c, size.columns - 1);
  }
  var sums: array<f32, COLUMNS>;
  for (var word = local.x; 2 * word < size.inner; word += WIDTH) {
    let block = word / WORDS;
    let low = vec4f(x[2 * word]);
    let high = vec4f(x[2 * word + 1]);
    // unroll
    for (var c = 0u; c < COLUMNS; c++) {
      let scale = f32(scales[columns[c] * size.blocks + block]);
      let offset = -scale * zero_of(columns[c], block);
      let packed = w[columns[c] * size.blocks * WORDS + word];
      sums[c] += dot(low, dequantize(packed, scale * LANES, offset));
      sums[c] += dot(high, dequantize(packed >> 16, scale * LANES, offset));
    }
  }
  // unroll
  for (var c = 0u; c < COLUMNS; c++) {
    parts[(local.y * COLUMNS + c) * WIDTH + local.x] = sums[c];
  }
  workgroupBarrier();
  if (local.x >= COLUMNS || column + local.x >= size.columns) {
    return;
  }
  var sum = 0.0;
  for (var i = 0u; i < WIDTH; i++) {
    sum += parts[(local.y * COLUMNS + local.x) * WIDTH + i];
  }
  write(0, column + local.x, sum);
}

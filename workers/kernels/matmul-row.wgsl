// The product of matmul.wgsl for a single row, K split among threads:
//   y[n] = act(bias[n] + sum_k x[k] * w[k][n]) + skip[n]
//
// One row is limited by the bandwidth of w, and needs many threads to use it: WIDTH
// threads take 4 columns each, HEIGHT threads every HEIGHT-th vector of k, and one
// of them adds the parts. K and N are multiples of 4.

var<workgroup> parts: array<vec4f, WIDTH * HEIGHT>;

@compute @workgroup_size(WIDTH, HEIGHT)
fn main(
  @builtin(global_invocation_id) id: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let column = min(id.x, size.columns - 1);
  var sum = vec4f();
  for (var k = local.y; k < size.inner; k += HEIGHT) {
    let left = vec4f(x[k]);
    var at = 4 * k * size.columns + column;
    // unroll
    for (var lane = 0u; lane < FOUR; lane++) {
      sum += left[lane] * vec4f(w[at]);
      at += size.columns;
    }
  }
  parts[local.y * WIDTH + local.x] = sum;
  workgroupBarrier();
  if (local.y > 0 || id.x >= size.columns) {
    return;
  }
  sum = vec4f();
  for (var i = 0u; i < HEIGHT; i++) {
    sum += parts[i * WIDTH + local.x];
  }
  write(0, column, sum);
}

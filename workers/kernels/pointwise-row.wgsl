// The product of pointwise.wgsl for a single row, K split among threads:
//   y[n] = act(bias[n] + sum_k x[k] * w[k][n]) + skip[n]
//
// One row is bound by the bytes of w, and too few threads would ask for them:
// WIDTH threads take 4 columns each, HEIGHT of them every HEIGHT-th four of k,
// and one adds up what they have. K and N are multiples of 4.

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
  var value = vec4f();
  for (var i = 0u; i < HEIGHT; i++) {
    value += parts[i * WIDTH + local.x];
  }
  if ((size.flags & BIAS) != 0) {
    value += vec4f(bias[column]);
  }
  value = activate(value, size.flags);
  if ((size.flags & SKIP) != 0) {
    value += vec4f(skip[column]);
  }
  y[column] = vec4<Stored>(value);
}

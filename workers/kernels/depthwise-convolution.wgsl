// Depthwise convolution, NHWC:
//   y[oy][ox][c] = act(bias[c] + sum_ij x[S*oy - top + i][S*ox - left + j][c / MULTIPLIER] * w[i][j][c])
//
// A thread computes four channels of RUN adjacent outputs in a row. Per kernel row
// it loads the SPAN = S * (RUN - 1) + KERNEL vectors that they share and KERNEL
// weights: one load for KERNEL * RUN / (SPAN + KERNEL) vector multiplications,
// where a single output needs two loads for each. Adjacent threads compute
// adjacent channels.
//
// Output channels are a multiple of 4; all other sizes are arbitrary.

@group(0) @binding(0) var<storage, read> x: array<Input>;

@compute @workgroup_size(WIDTH, HEIGHT)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let c = id.x;
  let out_x = id.y * RUN;
  let out_y = id.z;
  if (c >= size.channels || out_x >= size.out_width) {
    return;
  }
  var sums: array<vec4f, RUN>;
  let first_x = i32(out_x * STRIDE) - i32(size.left);
  for (var i = 0u; i < KERNEL; i++) {
    let in_y = i32(out_y * STRIDE + i) - i32(size.top);
    if (in_y < 0 || in_y >= i32(size.height)) {
      continue;
    }
    var line: array<vec4f, SPAN>;
    // unroll
    for (var s = 0u; s < SPAN; s++) {
      let in_x = first_x + i32(s);
      if (in_x >= 0 && in_x < i32(size.width)) {
        line[s] = spread(x[(u32(in_y) * size.width + u32(in_x)) * size.channels + c]);
      }
    }
    // unroll
    for (var j = 0u; j < KERNEL; j++) {
      let weight = vec4f(w[(i * KERNEL + j) * size.channels + c]);
      // unroll
      for (var r = 0u; r < RUN; r++) {
        sums[r] += line[r * STRIDE + j] * weight;
      }
    }
  }
  // unroll
  for (var r = 0u; r < RUN; r++) {
    if (out_x + r < size.out_width) {
      var value = sums[r];
      if ((size.flags & BIAS) != 0) {
        value += vec4f(bias[c]);
      }
      let at = (out_y * size.out_width + out_x + r) * size.channels + c;
      y[at] = vec4<Stored>(activate(value, size.flags));
    }
  }
}

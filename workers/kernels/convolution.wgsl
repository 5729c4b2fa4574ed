// A convolution with a square kernel into HWC. `load` and the binding x come from
// depthwise-convolution.wgsl or planar-convolution.wgsl.
//
// A thread computes four channels of RUN adjacent outputs in a row. Per kernel row
// and plane it loads the SPAN = S * (RUN - 1) + KERNEL inputs that they share and
// KERNEL weights: one load for KERNEL * RUN / (SPAN + KERNEL) vector
// multiplications, where a single output needs two loads for each. Adjacent threads
// compute adjacent channels.
//
// Output channels are a multiple of 4; all other sizes are arbitrary.

struct Size {
  width: u32,
  height: u32,
  channels: u32, // output channels / 4
  out_width: u32,
  out_height: u32,
  left: u32,
  top: u32,
  flags: u32,
}

@group(0) @binding(1) var<storage, read> w: array<vec4<Stored>>;
@group(0) @binding(2) var<storage, read> bias: array<vec4<Stored>>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4<Stored>>;
@group(0) @binding(4) var<uniform> size: Size;

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
    for (var p = 0u; p < PLANES; p++) {
      let start = (p * size.height + u32(in_y)) * size.width;
      var line: array<Input, SPAN>;
      // unroll
      for (var s = 0u; s < SPAN; s++) {
        let in_x = first_x + i32(s);
        if (in_x >= 0 && in_x < i32(size.width)) {
          line[s] = load(start + u32(in_x), c);
        }
      }
      // unroll
      for (var j = 0u; j < KERNEL; j++) {
        let weight = vec4f(w[((i * KERNEL + j) * PLANES + p) * size.channels + c]);
        // unroll
        for (var r = 0u; r < RUN; r++) {
          sums[r] += line[r * STRIDE + j] * weight;
        }
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

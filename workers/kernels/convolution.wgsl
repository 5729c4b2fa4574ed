// A convolution with a square kernel into HWC. `load` and the binding x come from
// depthwise-convolution.wgsl or planar-convolution.wgsl.
//
// A thread computes one Value, four channels or one, of RUN adjacent outputs in a row.
// Per kernel row and plane it loads the SPAN = S * (RUN - 1) + KERNEL inputs that they
// share and KERNEL weights: one load for KERNEL * RUN / (SPAN + KERNEL)
// multiplications, where a single output needs two loads for each. Adjacent threads
// compute adjacent channels: software adapters load adjacent numbers of four threads
// at once, but not adjacent vectors.
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

@group(0) @binding(1) var<storage, read> w: array<StoredValue>;
@group(0) @binding(2) var<storage, read> bias: array<StoredValue>;
@group(0) @binding(3) var<storage, read_write> y: array<StoredValue>;
@group(0) @binding(4) var<uniform> size: Size;

// Values of all channels of a position.
fn channel_values() -> u32 {
  return size.channels * VALUES;
}

@compute @workgroup_size(WIDTH, HEIGHT)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let c = id.x;
  let channels = channel_values();
  let out_x = id.y * RUN;
  let out_y = id.z;
  if (c >= channels || out_x >= size.out_width) {
    return;
  }
  var sums: array<Value, RUN>;
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
        let weight = Value(w[((i * KERNEL + j) * PLANES + p) * channels + c]);
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
        value += Value(bias[c]);
      }
      let at = (out_y * size.out_width + out_x + r) * channels + c;
      y[at] = StoredValue(activated(value));
    }
  }
}

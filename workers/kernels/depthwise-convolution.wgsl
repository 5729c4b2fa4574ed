// Depthwise convolution, NHWC:
//   y[oy][ox][c] = act(bias[c] + sum_ij x[S*oy - top + i][S*ox - left + j][c / MULTIPLIER] * w[i][j][c])

alias Input = Value;

@group(0) @binding(0) var<storage, read> x: array<Channels>;

fn load(at: u32, c: u32) -> Input {
  return spread(x[at * channel_values() + c]);
}


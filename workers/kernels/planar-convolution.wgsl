// Convolution of a few planes (an image in CHW) to many channels in HWC:
//   y[oy][ox][c] = act(bias[c] + sum_pij x[p][S*oy - top + i][S*ox - left + j] * w[i][j][p][c])
//
// The image needs no transpose.

alias Input = f32;

@group(0) @binding(0) var<storage, read> x: array<Stored>;

fn load(at: u32, c: u32) -> Input {
  return f32(x[at]);
}


// One row of a gated layer with its norm, with weights of 4 bits (q4-weights.wgsl):
//   t = x + skip
//   z = t / sqrt(mean(t^2) + epsilon) * gamma
//   y[n] = silu(sum_k z[k] * gate[k][n]) * sum_k z[k] * up[k][n]
// with silu(g) = g / (1 + exp(-g)). t is an output, too.
//
// A thread computes COLUMNS columns; every thread computes the norm. There are no
// barriers, which are expensive on software adapters. K is a multiple of 8; N is
// arbitrary. The last block may be longer than the rest of K: then EDGE is 1. The zero
// point is 8.

@compute @workgroup_size(WIDTH)
fn main(
  @builtin(global_invocation_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  write_terms(id.x, groups.x * WIDTH);
  let column = id.x * COLUMNS;
  if (column >= size.columns) {
    return;
  }
  // Beyond the edge the last column is computed again, not written.
  var columns: array<u32, COLUMNS>;
  // unroll
  for (var c = 0u; c < COLUMNS; c++) {
    columns[c] = min(column + c, size.columns - 1) * size.blocks;
  }
  var gate_sums: array<f32, COLUMNS>;
  var up_sums: array<f32, COLUMNS>;
  var squares = 0.0;
  var at = 0u;
  for (var block = 0u; block < size.blocks; block++) {
    var gate_factors: array<f32, COLUMNS>;
    var up_factors: array<f32, COLUMNS>;
    // unroll
    for (var c = 0u; c < COLUMNS; c++) {
      gate_factors[c] = f32(gate_scales[columns[c] + block]);
      up_factors[c] = f32(up_scales[columns[c] + block]);
    }
    for (var word = 0u; word < WORDS; word++) {
      var gate_words: array<u32, COLUMNS>;
      var up_words: array<u32, COLUMNS>;
      // unroll
      for (var c = 0u; c < COLUMNS; c++) {
        gate_words[c] = gate[(columns[c] + block) * WORDS + word];
        up_words[c] = up[(columns[c] + block) * WORDS + word];
      }
      // unroll
      for (var half = 0u; half < HALVES; half++) {
        if (EDGE == 0 || at < size.inner) {
          let t = term(at);
          let z = t * vec4f(gamma[at]);
          squares += dot(t, t);
          // unroll
          for (var c = 0u; c < COLUMNS; c++) {
            let g = dequantize(gate_words[c] >> (16 * half), LANES, -8.0);
            gate_sums[c] += gate_factors[c] * dot(z, g);
            let u = dequantize(up_words[c] >> (16 * half), LANES, -8.0);
            up_sums[c] += up_factors[c] * dot(z, u);
          }
        }
        at++;
      }
    }
  }
  // unroll
  for (var c = 0u; c < COLUMNS; c++) {
    if (column + c < size.columns) {
      write(column + c, gate_sums[c], up_sums[c], squares);
    }
  }
}

// A product with weights of 4 bits (q4-weights.wgsl), in registers only:
//   y[m][n] = bias[n] + sum_k x[m][k] * w[k][n]
//
// A thread computes ROWS rows by COLUMNS columns. It reads every weight of its
// columns once and uses it for all its rows. There are no barriers, which are
// expensive on software adapters; on others this suits few rows.
//
// K is a multiple of 8; M and N are arbitrary. The last block may be longer than the
// rest of K: then EDGE is 1. Sums are f32 for every Stored, and in the order of k:
// a row has the same result in any number of rows. Without zero points or bias their
// bindings are not read.

@compute @workgroup_size(WIDTH, HEIGHT)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let column = id.x * COLUMNS;
  let row = id.y * ROWS;
  if (column >= size.columns || row >= size.rows) {
    return;
  }
  // Beyond the edges the last row and column are computed again, not written.
  var columns: array<u32, COLUMNS>;
  // unroll
  for (var c = 0u; c < COLUMNS; c++) {
    columns[c] = min(column + c, size.columns - 1);
  }
  var starts: array<u32, ROWS>;
  // unroll
  for (var r = 0u; r < ROWS; r++) {
    starts[r] = min(row + r, size.rows - 1) * size.inner;
  }
  var sums: array<array<f32, COLUMNS>, ROWS>;
  var at = 0u;
  for (var block = 0u; block < size.blocks; block++) {
    var factors: array<vec4f, COLUMNS>;
    var offsets: array<f32, COLUMNS>;
    // unroll
    for (var c = 0u; c < COLUMNS; c++) {
      let scale = f32(scales[columns[c] * size.blocks + block]);
      factors[c] = scale * LANES;
      offsets[c] = -scale * zero_of(columns[c], block);
    }
    for (var word = block * WORDS; word < (block + 1) * WORDS; word++) {
      var words: array<u32, COLUMNS>;
      // unroll
      for (var c = 0u; c < COLUMNS; c++) {
        words[c] = w[columns[c] * size.blocks * WORDS + word];
      }
      // unroll
      for (var half = 0u; half < HALVES; half++) {
        var right: array<vec4f, COLUMNS>;
        // unroll
        for (var c = 0u; c < COLUMNS; c++) {
          right[c] = dequantize(words[c] >> (16 * half), factors[c], offsets[c]);
        }
        // unroll
        for (var r = 0u; r < ROWS; r++) {
          var left = vec4f();
          if (EDGE == 0 || at < size.inner) {
            left = vec4f(x[starts[r] + at]);
          }
          // unroll
          for (var c = 0u; c < COLUMNS; c++) {
            sums[r][c] += dot(left, right[c]);
          }
        }
        at++;
      }
    }
  }
  // unroll
  for (var r = 0u; r < ROWS; r++) {
    // unroll
    for (var c = 0u; c < COLUMNS; c++) {
      if (row + r < size.rows && column + c < size.columns) {
        write(row + r, column + c, sums[r][c]);
      }
    }
  }
}

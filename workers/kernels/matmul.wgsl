// A matrix product with an epilogue, in registers only:
//   y[m][n] = act(bias[n] + sum_k x[m][k] * w[k][n]) + skip[m][n]
//
// A thread computes ROWS rows by 4 * QUADS columns: per 4 k it loads ROWS + 4 *
// QUADS vectors for 16 * ROWS * QUADS multiplications. There are no barriers, which
// are expensive on software adapters; on others this suits few rows. Adjacent
// threads compute adjacent columns.
//
// K and N are multiples of 4, M is arbitrary. Sums are f32 for every Stored.
// Without bias or skip their bindings are not read.

@compute @workgroup_size(WIDTH, HEIGHT)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let column = id.x * QUADS;
  let row = id.y * ROWS;
  if (column >= size.columns || row >= size.rows) {
    return;
  }
  // Beyond the edges the last row and column are computed again, not written.
  var columns: array<u32, QUADS>;
  // unroll
  for (var q = 0u; q < QUADS; q++) {
    columns[q] = min(column + q, size.columns - 1);
  }
  var starts: array<u32, ROWS>;
  // unroll
  for (var r = 0u; r < ROWS; r++) {
    starts[r] = min(row + r, size.rows - 1) * size.inner;
  }
  var sums: array<array<vec4f, QUADS>, ROWS>;
  var at = 0u;
  for (var k = 0u; k < size.inner; k++) {
    var left: array<vec4f, ROWS>;
    // unroll
    for (var r = 0u; r < ROWS; r++) {
      left[r] = vec4f(x[starts[r] + k]);
    }
    // unroll
    for (var lane = 0u; lane < FOUR; lane++) {
      // unroll
      for (var q = 0u; q < QUADS; q++) {
        let right = vec4f(w[at + columns[q]]);
        // unroll
        for (var r = 0u; r < ROWS; r++) {
          sums[r][q] += left[r][lane] * right;
        }
      }
      at += size.columns;
    }
  }
  // unroll
  for (var r = 0u; r < ROWS; r++) {
    // unroll
    for (var q = 0u; q < QUADS; q++) {
      if (row + r < size.rows && column + q < size.columns) {
        write(row + r, column + q, sums[r][q]);
      }
    }
  }
}

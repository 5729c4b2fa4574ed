// A matrix product with its epilogue, in registers only:
//   y[m][n] = act(bias[n] + sum_k x[m][k] * w[k][n]) + skip[m][n]
//
// A thread sums ROWS rows by 4 * QUADS columns: per four k it loads ROWS + 4 *
// QUADS vectors and does 16 * ROWS * QUADS multiplications. Nothing waits at a
// barrier, which software adapters pay dearly; on others it suits few rows.
// Threads beside one another take columns beside one another.
//
// K and N are multiples of 4, M is any. Sums are of 32 bits for every Stored.
// Without bias or skip the binding holds anything and is not read.

@compute @workgroup_size(WIDTH, HEIGHT)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let column = id.x * QUADS;
  let row = id.y * ROWS;
  if (column >= size.columns || row >= size.rows) {
    return;
  }
  // Beyond an edge the last row and column are summed again and not written.
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

fn write(row: u32, column: u32, sum: vec4f) {
  var value = sum;
  if ((size.flags & BIAS) != 0) {
    value += vec4f(bias[column]);
  }
  value = activate(value, size.flags);
  let at = row * size.columns + column;
  if ((size.flags & SKIP) != 0) {
    value += vec4f(skip[at]);
  }
  y[at] = vec4<Stored>(value);
}

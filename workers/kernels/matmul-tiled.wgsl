// The product of matmul.wgsl through workgroup memory, for many rows on adapters
// with fast workgroup memory:
//   y[m][n] = act(bias[n] + sum_k x[m][k] * w[k][n]) + skip[m][n]
//
// A workgroup of WIDTH x HEIGHT threads computes a tile of HEIGHT * ROWS rows and
// WIDTH * QUADS * 4 columns. The rows and columns of a thread are HEIGHT and WIDTH
// apart, so that adjacent threads access adjacent memory. Each step loads 4 * DEPTH
// of the K dimension of both factors into workgroup memory.
//
// K and N are multiples of 4, M is arbitrary: elements beyond the edges are zero.

const TILE_ROWS = HEIGHT * ROWS;
const TILE_COLUMNS = WIDTH * QUADS;
const THREADS = WIDTH * HEIGHT;
// One more than needed, so that rows start in different banks.
const STRIDE = DEPTH + 1;

var<workgroup> left: array<vec4<Stored>, TILE_ROWS * STRIDE>;
var<workgroup> right: array<vec4<Stored>, 4 * DEPTH * TILE_COLUMNS>;

@compute @workgroup_size(WIDTH, HEIGHT)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  let first_row = group.y * TILE_ROWS;
  let first_column = group.x * TILE_COLUMNS;
  var sums: array<array<vec4f, QUADS>, ROWS>;
  for (var k = 0u; k < size.inner; k += DEPTH) {
    for (var i = index; i < TILE_ROWS * DEPTH; i += THREADS) {
      let row = i / DEPTH;
      let depth = i % DEPTH;
      var value = vec4<Stored>();
      if (first_row + row < size.rows && k + depth < size.inner) {
        value = x[(first_row + row) * size.inner + k + depth];
      }
      left[row * STRIDE + depth] = value;
    }
    for (var i = index; i < 4 * DEPTH * TILE_COLUMNS; i += THREADS) {
      let depth = 4 * k + i / TILE_COLUMNS;
      let column = first_column + i % TILE_COLUMNS;
      var value = vec4<Stored>();
      if (column < size.columns && depth < 4 * size.inner) {
        value = w[depth * size.columns + column];
      }
      right[i] = value;
    }
    workgroupBarrier();
    for (var depth = 0u; depth < DEPTH; depth++) {
      var factors: array<vec4f, ROWS>;
      // unroll
      for (var r = 0u; r < ROWS; r++) {
        factors[r] = vec4f(left[(local.y + r * HEIGHT) * STRIDE + depth]);
      }
      // unroll
      for (var lane = 0u; lane < FOUR; lane++) {
        // unroll
        for (var q = 0u; q < QUADS; q++) {
          let at = (4 * depth + lane) * TILE_COLUMNS + local.x + q * WIDTH;
          let factor = vec4f(right[at]);
          // unroll
          for (var r = 0u; r < ROWS; r++) {
            sums[r][q] += factors[r][lane] * factor;
          }
        }
      }
    }
    workgroupBarrier();
  }
  // unroll
  for (var r = 0u; r < ROWS; r++) {
    // unroll
    for (var q = 0u; q < QUADS; q++) {
      let row = first_row + local.y + r * HEIGHT;
      let column = first_column + local.x + q * WIDTH;
      if (row < size.rows && column < size.columns) {
        write(row, column, sums[r][q]);
      }
    }
  }
}

// The product of matmul-q4.wgsl through workgroup memory, for many rows on adapters
// with fast workgroup memory:
//   y[m][n] = bias[n] + sum_k x[m][k] * w[k][n]
//
// A workgroup of WIDTH x HEIGHT threads computes a tile of HEIGHT * ROWS rows and
// WIDTH * COLUMNS columns. Each step loads 4 * DEPTH of the K dimension, the weights
// dequantised to f32, so that each weight is unpacked once per workgroup. The rows and
// columns of a thread are HEIGHT and WIDTH apart.
//
// Sums have the order of those in matmul-q4.wgsl. K is a multiple of 8, M and N are
// arbitrary: elements beyond the edges are zero.

const TILE_ROWS = HEIGHT * ROWS;
const TILE_COLUMNS = WIDTH * COLUMNS;
const THREADS = WIDTH * HEIGHT;
// One more than needed, so that rows start in different banks.
const STRIDE = DEPTH + 1;

var<workgroup> left: array<vec4f, TILE_ROWS * STRIDE>;
var<workgroup> right: array<vec4f, TILE_COLUMNS * STRIDE>;

@compute @workgroup_size(WIDTH, HEIGHT)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  let first_row = group.y * TILE_ROWS;
  let first_column = group.x * TILE_COLUMNS;
  var sums: array<array<f32, COLUMNS>, ROWS>;
  for (var k = 0u; k < size.inner; k += DEPTH) {
    for (var i = index; i < TILE_ROWS * DEPTH; i += THREADS) {
      let row = first_row + i / DEPTH;
      let at = k + i % DEPTH;
      var value = vec4f();
      if (row < size.rows && at < size.inner) {
        value = vec4f(x[row * size.inner + at]);
      }
      left[i / DEPTH * STRIDE + i % DEPTH] = value;
    }
    for (var i = index; i < TILE_COLUMNS * DEPTH / 2; i += THREADS) {
      let column = first_column + i / (DEPTH / 2);
      let word = k / 2 + i % (DEPTH / 2);
      let to = i / (DEPTH / 2) * STRIDE + i % (DEPTH / 2) * 2;
      var low = vec4f();
      var high = vec4f();
      if (column < size.columns && 2 * word < size.inner) {
        let block = word / WORDS;
        let scale = f32(scales[column * size.blocks + block]);
        let offset = -scale * zero_of(column, block);
        let packed = w[column * size.blocks * WORDS + word];
        low = dequantize(packed, scale * LANES, offset);
        high = dequantize(packed >> 16, scale * LANES, offset);
      }
      right[to] = low;
      right[to + 1] = high;
    }
    workgroupBarrier();
    for (var depth = 0u; depth < DEPTH; depth++) {
      var factors: array<vec4f, ROWS>;
      // unroll
      for (var r = 0u; r < ROWS; r++) {
        factors[r] = left[(local.y + r * HEIGHT) * STRIDE + depth];
      }
      // unroll
      for (var c = 0u; c < COLUMNS; c++) {
        let factor = right[(local.x + c * WIDTH) * STRIDE + depth];
        // unroll
        for (var r = 0u; r < ROWS; r++) {
          sums[r][c] += dot(factors[r], factor);
        }
      }
    }
    workgroupBarrier();
  }
  // unroll
  for (var r = 0u; r < ROWS; r++) {
    // unroll
    for (var c = 0u; c < COLUMNS; c++) {
      let row = first_row + local.y + r * HEIGHT;
      let column = first_column + local.x + c * WIDTH;
      if (row < size.rows && column < size.columns) {
        write(row, column, sums[r][c]);
      }
    }
  }
}

// Attention of a few queries, in registers only:
//   y[s][h] = sum_k p_k v[h / reps][k],  p = softmax_k(alpha q[s][h] . k[h / reps][k])
//
// A thread computes one query of one head with an online softmax: it reads the keys
// once, and rescales the sums where a score exceeds the largest one so far. There
// are no barriers, which suits software adapters and few keys. Query s sees the
// keys before the queries and the first s + 1 of theirs, or all keys if not causal.
//
// q and y are [queries][heads][DIM * 4]; k and v are
// [heads / reps][capacity][DIM * 4], of which the first `total` are filled. If
// total is 0, it is seqlens[0] + 1.

struct Size {
  queries: u32,
  heads: u32,
  reps: u32,
  capacity: u32,
  total: u32, // 0: read from seqlens
  causal: u32,
  alpha: f32,
}

@group(0) @binding(0) var<storage, read> q: array<vec4<Stored>>;
@group(0) @binding(1) var<storage, read> keys: array<vec4<Stored>>;
@group(0) @binding(2) var<storage, read> values: array<vec4<Stored>>;
@group(0) @binding(3) var<storage, read> seqlens: array<i32>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4<Stored>>;
@group(0) @binding(5) var<uniform> size: Size;

@compute @workgroup_size(WIDTH)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= size.queries * size.heads) {
    return;
  }
  let head = id.x % size.heads;
  let query = id.x / size.heads;
  var total = size.total;
  if (total == 0) {
    total = u32(seqlens[0]) + 1;
  }
  total = min(total, size.capacity);
  var visible = total;
  if (size.causal == 1) {
    visible = min(total, max(total, size.queries) - size.queries + query + 1);
  }
  var mine: array<vec4f, DIM>;
  var sums: array<vec4f, DIM>;
  // unroll
  for (var i = 0u; i < DIM; i++) {
    mine[i] = vec4f(q[id.x * DIM + i]) * size.alpha;
  }
  var largest = -3.4028234e38;
  var weight = 0.0;
  var at = head / size.reps * size.capacity * DIM;
  for (var key = 0u; key < visible; key++) {
    var products = vec4f();
    // unroll
    for (var i = 0u; i < DIM; i++) {
      products += mine[i] * vec4f(keys[at + i]);
    }
    let score = products.x + products.y + products.z + products.w;
    let larger = max(largest, score);
    let before = exp(largest - larger);
    let now = exp(score - larger);
    largest = larger;
    weight = weight * before + now;
    // unroll
    for (var i = 0u; i < DIM; i++) {
      sums[i] = sums[i] * before + now * vec4f(values[at + i]);
    }
    at += DIM;
  }
  // unroll
  for (var i = 0u; i < DIM; i++) {
    y[id.x * DIM + i] = vec4<Stored>(sums[i] / weight);
  }
}

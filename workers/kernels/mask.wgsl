// Token mask: logits[id] = -Infinity where bit id of allowed is 0.
//
// A thread handles one word: one f32, or two f16. An f16 beyond the vocabulary is
// never read.

override HALVES: bool;

const THREADS = 256u;
const MINUS_INFINITY = 0xff800000u;
const MINUS_INFINITY_HALF = 0xfc00u;

@group(0) @binding(0) var<storage, read_write> logits: array<u32>;
@group(0) @binding(1) var<storage, read> allowed: array<u32>;

fn is_allowed(id: u32) -> bool {
  return ((allowed[id / 32] >> (id & 31)) & 1) == 1;
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let at = (group.y * groups.x + group.x) * THREADS + thread;
  let count = arrayLength(&allowed) * select(32u, 16u, HALVES);
  if (at >= min(arrayLength(&logits), count)) {
    return;
  }
  if (!HALVES) {
    if (!is_allowed(at)) {
      logits[at] = MINUS_INFINITY;
    }
    return;
  }
  var word = logits[at];
  if (!is_allowed(2 * at)) {
    word = (word & 0xffff0000u) | MINUS_INFINITY_HALF;
  }
  if (!is_allowed(2 * at + 1)) {
    word = (word & 0xffffu) | (MINUS_INFINITY_HALF << 16);
  }
  logits[at] = word;
}

// After the last pass: how many tokens of each group's stretch have the key that
// the radix select found.

var<workgroup> ties: atomic<u32>;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let state = scan(group.x, thread);
  let end = end_of(group.x);
  for (var id = group.x * options.stretch + thread; id < end; id += THREADS) {
    if (key_at(0, id) == state.prefix) {
      atomicAdd(&ties, 1);
    }
  }
  workgroupBarrier();
  if (thread == 0) {
    atomicStore(&histograms[PASSES * 3 * BINS + group.x], atomicLoad(&ties));
  }
}

// A pass of the radix select: the histogram of the keys that begin with the prefix.

var<workgroup> local: array<atomic<u32>, 3 * BINS>;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let state = scan(group.x, thread);
  let level = index.x % 4;
  let end = end_of(group.x);
  for (var id = group.x * options.stretch + thread; id < end; id += THREADS) {
    let key = key_at(0, id);
    if (level > 0 && (key >> (32 - 8 * level)) != state.prefix) {
      continue;
    }
    let bin = (key >> (24 - 8 * level)) & 255;
    let mass = mass_at(key, state.peak);
    atomicAdd(&local[bin], 1);
    let low = atomicAdd(&local[bin + BINS], mass.x);
    let carry = u32(low + mass.x < low);
    atomicAdd(&local[bin + 2 * BINS], mass.y + carry);
  }
  workgroupBarrier();
  let count = atomicLoad(&local[thread]);
  if (count == 0) {
    return;
  }
  let at = index.x * 3 * BINS + thread;
  atomicAdd(&histograms[at], count);
  let own = atomicLoad(&local[thread + BINS]);
  let low = atomicAdd(&histograms[at + BINS], own);
  let carry = u32(low + own < low);
  let high = atomicLoad(&local[thread + 2 * BINS]) + carry;
  atomicAdd(&histograms[at + 2 * BINS], high);
}

// A step of the descent: the tally of those keys that agree with the prefix.

var<workgroup> tally: array<atomic<u32>, 3 * BINS>;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let state = arrive(group.x, thread);
  let level = index.x % 4;
  let end = end_of(group.x);
  for (var id = group.x * options.stretch + thread; id < end; id += THREADS) {
    let key = key_at(0, id);
    if (level > 0 && (key >> (32 - 8 * level)) != state.prefix) {
      continue;
    }
    let bin = (key >> (24 - 8 * level)) & 255;
    let mass = mass_at(key, state.peak);
    atomicAdd(&tally[bin], 1);
    let low = atomicAdd(&tally[bin + BINS], mass.x);
    let carry = u32(low + mass.x < low);
    atomicAdd(&tally[bin + 2 * BINS], mass.y + carry);
  }
  workgroupBarrier();
  let count = atomicLoad(&tally[thread]);
  if (count == 0) {
    return;
  }
  let at = index.x * 3 * BINS + thread;
  atomicAdd(&tallies[at], count);
  let own = atomicLoad(&tally[thread + BINS]);
  let low = atomicAdd(&tallies[at + BINS], own);
  let carry = u32(low + own < low);
  let high = atomicLoad(&tally[thread + 2 * BINS]) + carry;
  atomicAdd(&tallies[at + 2 * BINS], high);
}

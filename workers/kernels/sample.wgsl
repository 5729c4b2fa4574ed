// The last dispatch of sampling: picked[0] = the id of the last of the kept tokens
// with the key that the radix select found, by rising id. Clears the histograms
// for the next token.

@group(0) @binding(3) var<storage, read> states: array<State>;
@group(0) @binding(4) var<storage, read_write> histograms: array<u32>;
@group(0) @binding(5) var<storage, read_write> picked: array<i32>;

var<workgroup> sums: array<u32, THREADS>;
var<workgroup> chosen: vec2u;

// Inclusive prefix sum of `value` over the threads.
fn prefix_sum(thread: u32, value: u32) -> u32 {
  var sum = value;
  for (var reach = 1u; reach < THREADS; reach *= 2) {
    sums[thread] = sum;
    workgroupBarrier();
    if (thread >= reach) {
      sum += sums[thread - reach];
    }
    workgroupBarrier();
  }
  return sum;
}

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) thread: u32) {
  let state = states[PASSES];
  var ties = 0u;
  if (thread * options.stretch < options.vocabulary) {
    ties = histograms[PASSES * 3 * BINS + thread];
  }
  let sum = prefix_sum(thread, ties);
  if (sum >= state.ties && sum - ties < state.ties) {
    chosen = vec2u(thread, state.ties - (sum - ties));
  }
  workgroupBarrier();
  let group = chosen.x;
  let wanted = chosen.y;

  // Each thread reads a contiguous range, so that ids rise with threads.
  let each = (options.stretch + THREADS - 1) / THREADS;
  let end = end_of(group);
  let start = min(group * options.stretch + thread * each, end);
  let stop = min(start + each, end);
  var own = 0u;
  for (var id = start; id < stop; id++) {
    own += u32(key_at(0, id) == state.prefix);
  }
  var seen = prefix_sum(thread, own) - own;
  for (var id = start; id < stop; id++) {
    if (key_at(0, id) == state.prefix) {
      seen++;
      if (seen == wanted) {
        picked[0] = i32(id);
      }
    }
  }
  for (var at = thread; at < arrayLength(&histograms); at += THREADS) {
    histograms[at] = 0;
  }
}

// The last dispatch of a draw: picked[0] = id of the last of the tokens kept,
// by rising id, of those with the key that the descent found. It leaves the
// tallies empty for the next draw.

@group(0) @binding(3) var<storage, read> states: array<State>;
@group(0) @binding(4) var<storage, read_write> tallies: array<u32>;
@group(0) @binding(5) var<storage, read_write> picked: array<i32>;

var<workgroup> sums: array<u32, THREADS>;
var<workgroup> chosen: vec2u;

// The sum of `value` of all threads up to this one.
fn sum_up_to(thread: u32, value: u32) -> u32 {
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
  let state = states[STEPS];
  var ties = 0u;
  if (thread * options.stretch < options.vocabulary) {
    ties = tallies[STEPS * 3 * BINS + thread];
  }
  let sum = sum_up_to(thread, ties);
  if (sum >= state.ties && sum - ties < state.ties) {
    chosen = vec2u(thread, state.ties - (sum - ties));
  }
  workgroupBarrier();
  let group = chosen.x;
  let wanted = chosen.y;

  // Each thread looks at neighbours, so that ids rise with threads.
  let each = (options.stretch + THREADS - 1) / THREADS;
  let end = end_of(group);
  let start = min(group * options.stretch + thread * each, end);
  let stop = min(start + each, end);
  var own = 0u;
  for (var id = start; id < stop; id++) {
    own += u32(key_at(0, id) == state.prefix);
  }
  var seen = sum_up_to(thread, own) - own;
  for (var id = start; id < stop; id++) {
    if (key_at(0, id) == state.prefix) {
      seen++;
      if (seen == wanted) {
        picked[0] = i32(id);
      }
    }
  }
  for (var at = thread; at < arrayLength(&tallies); at += THREADS) {
    tallies[at] = 0;
  }
}

// Each pass of the radix select begins here: it finds the bin of the previous
// pass's histogram in which the goal is reached, by sums from the highest bin
// down, and extends the prefix by that bin. Bins are summed in two steps: in runs
// of RUN, then over the runs.

const RUN = 16u;

struct Sum {
  count: u32,
  mass: vec2u,
}

var<workgroup> counts: array<u32, BINS>;
var<workgroup> masses: array<vec2u, BINS>;
var<workgroup> sums: array<Sum, BINS / RUN>; // of runs of bins
var<workgroup> found: State;

// The sum over some bins, the highest bin first.
fn sum_over(first: u32, end: u32) -> Sum {
  var sum = Sum();
  for (var i = first; i < end; i++) {
    sum.count += counts[i];
    sum.mass = plus(sum.mass, masses[i]);
  }
  return sum;
}

// The state before the first pass.
fn initial_state(thread: u32) -> State {
  counts[thread] = maxima[min(thread, arrayLength(&maxima) - 1)].x;
  for (var reach = BINS / 2; reach > 0; reach /= 2) {
    workgroupBarrier();
    if (thread < reach) {
      counts[thread] = max(counts[thread], counts[thread + reach]);
    }
  }
  workgroupBarrier();
  var state = State();
  state.peak = counts[0];
  return state;
}

// The state before pass `now`, from the histogram of the pass before it.
fn next_state(now: u32, thread: u32) -> State {
  let previous = now - 1;
  let level = previous % 4;
  let kind = (options.stages >> (2 * (previous / 4))) & 3;
  let bin = BINS - 1 - thread;
  let at = previous * 3 * BINS + bin;
  let count = atomicLoad(&histograms[at]);
  let mass = vec2u(
    atomicLoad(&histograms[at + BINS]),
    atomicLoad(&histograms[at + 2 * BINS]),
  );
  counts[thread] = count;
  masses[thread] = mass;
  workgroupBarrier();
  if (thread < BINS / RUN) {
    sums[thread] = sum_over(thread * RUN, (thread + 1) * RUN);
  }
  workgroupBarrier();

  var state = states[previous];
  if (level == 0) {
    if (previous == options.first_pass) {
      state.total = vec2u(0);
      for (var run = 0u; run < BINS / RUN; run++) {
        state.total = plus(state.total, sums[run].mass);
      }
    }
    state.prefix = 0;
    state.above = 0;
    state.mass = vec2u(0);
    state.goal = goal_of(kind, state.total);
  }
  let first = thread / RUN * RUN;
  let same_run = sum_over(first, thread);
  state.above += same_run.count;
  state.mass = plus(state.mass, same_run.mass);
  for (var run = 0u; run < thread / RUN; run++) {
    state.above += sums[run].count;
    state.mass = plus(state.mass, sums[run].mass);
  }
  let before = sum_of(kind, state.above, state.mass);
  let reached = plus(before, sum_of(kind, count, mass));
  if (less(before, state.goal) && !less(reached, state.goal)) {
    state.prefix = (state.prefix << 8) | bin;
    if (level == 3) {
      let each = mass_at(state.prefix, state.peak);
      let missing = minus(state.goal, before);
      let ties = times_to_reach(missing, sum_of(kind, 1, each));
      state.ties = clamp(ties, 1, count);
      state.total = plus(state.mass, times(each, state.ties));
    }
    found = state;
  }
  workgroupBarrier();
  return found;
}

// Every workgroup computes the state by itself; the first one stores it.
fn scan(group: u32, thread: u32) -> State {
  let now = index.x;
  var state: State;
  if (now == options.first_pass) {
    state = initial_state(thread);
  } else {
    state = next_state(now, thread);
  }
  if (group == 0 && thread == 0) {
    states[now] = state;
  }
  return state;
}

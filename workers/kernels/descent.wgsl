// Finding a token without sorting: a descent over the bits of the keys.
//
// Tokens stand by falling key, equal ones by rising id. Each goal asks with
// which token a sum from the top gets there:
//   0 top-k   of tokens       reaches k
//   1 top-p   of their mass   reaches total * p
//   2 draw    of their mass   exceeds total * u, u a random number
// total is the mass of what the goals before have kept, and the mass of a token
// exp((logit - peak) / temperature).
//
// A goal takes four steps of 8 bits. A step tallies, in 256 bins, tokens and
// mass of those that agree with the bits found so far. What a tally means is
// found at the start of the next dispatch, by each workgroup for itself: one
// dispatch a step, and nothing waits for the processor.
//
// u is the generator mulberry32 at the place of this token in the answer.

@group(0) @binding(3) var<uniform> index: vec4u; // x: of this step
@group(0) @binding(4) var<storage, read> maxima: array<vec2u>;
@group(0) @binding(5) var<storage, read> ids: array<i32>; // [0]: how many
@group(0) @binding(6) var<storage, read_write> states: array<State>;
// [step][tokens, low word of mass, high word of mass][bin]; then [group]
@group(0) @binding(7) var<storage, read_write> tallies: array<atomic<u32>>;

const RUN = 16u;

struct Sum {
  count: u32,
  mass: vec2u,
}

var<workgroup> counts: array<u32, BINS>;
var<workgroup> masses: array<vec2u, BINS>;
var<workgroup> sums: array<Sum, BINS / RUN>; // of runs of bins
var<workgroup> found: State;

fn mass_at(key: u32, peak: u32) -> vec2u {
  if (key >= peak) {
    return UNIT;
  }
  if (key <= LOWEST || peak >= 0xff800000u) {
    return vec2u(0);
  }
  let below = bitcast<f32>(bits_of(key)) - bitcast<f32>(bits_of(peak));
  let power = below * options.rate;
  if (!(power > -28)) {
    return vec2u(0);
  }
  return mass_of(min(exp(power), 1));
}

fn random() -> u32 {
  let state = options.seed + (u32(ids[0]) + 1) * 0x6d2b79f5u;
  var t = (state ^ (state >> 15)) * (1 | state);
  t = (t + (t ^ (t >> 7)) * (61 | t)) ^ t;
  return t ^ (t >> 14);
}

fn goal_of(kind: u32, total: vec2u) -> vec2u {
  if (kind == 0) {
    return vec2u(options.top_k, 0);
  }
  if (kind == 1) {
    let goal = fraction(total, options.top_p);
    return select(goal, vec2u(1, 0), all(goal == vec2u(0)));
  }
  return plus(fraction(total, random()), vec2u(1, 0));
}

fn sum_of(kind: u32, count: u32, mass: vec2u) -> vec2u {
  return select(mass, vec2u(count, 0), kind == 0);
}

// Over some of the bins, the highest first.
fn sum_over(first: u32, end: u32) -> Sum {
  var sum = Sum();
  for (var i = first; i < end; i++) {
    sum.count += counts[i];
    sum.mass = plus(sum.mass, masses[i]);
  }
  return sum;
}

// The state before the first step.
fn begun(thread: u32) -> State {
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

// The state before step `now`, from the tally of the one before it.
fn narrowed(now: u32, thread: u32) -> State {
  let step = now - 1;
  let level = step % 4;
  let kind = (options.goals >> (2 * (step / 4))) & 3;
  let bin = BINS - 1 - thread;
  let at = step * 3 * BINS + bin;
  let count = atomicLoad(&tallies[at]);
  let mass = vec2u(
    atomicLoad(&tallies[at + BINS]),
    atomicLoad(&tallies[at + 2 * BINS]),
  );
  counts[thread] = count;
  masses[thread] = mass;
  workgroupBarrier();
  if (thread < BINS / RUN) {
    sums[thread] = sum_over(thread * RUN, (thread + 1) * RUN);
  }
  workgroupBarrier();

  var state = states[step];
  if (level == 0) {
    if (step == options.first) {
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
  let near = sum_over(first, thread);
  state.above += near.count;
  state.mass = plus(state.mass, near.mass);
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

// What each workgroup begins with; the first notes it for the next dispatch.
fn arrive(group: u32, thread: u32) -> State {
  let now = index.x;
  var state: State;
  if (now == options.first) {
    state = begun(thread);
  } else {
    state = narrowed(now, thread);
  }
  if (group == 0 && thread == 0) {
    states[now] = state;
  }
  return state;
}

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

// Radix select: finds a token by a sum over the sorted tokens, without sorting.
//
// Tokens are ordered by falling key, equal ones by rising id. Each stage finds the
// token at which a sum from the top reaches its goal:
//   0 top-k   number of tokens   reaches k
//   1 top-p   mass               reaches total * p
//   2 draw    mass               exceeds total * u, u a random number
// The mass of a token is exp((logit - peak) / temperature), and total is the mass
// of the tokens that the earlier stages kept.
//
// A stage takes four passes of 8 bits. A pass counts tokens and mass in 256 bins,
// of those keys that begin with the prefix found so far. The next dispatch
// evaluates the histogram in every workgroup (radix-scan.wgsl): one dispatch per
// pass, and nothing waits for the CPU.
//
// u is mulberry32 of the seed at the position of the token in the answer.

@group(0) @binding(3) var<uniform> index: vec4u; // x: of this pass
@group(0) @binding(4) var<storage, read> maxima: array<vec2u>;
@group(0) @binding(5) var<storage, read> ids: array<i32>; // [0]: their number
@group(0) @binding(6) var<storage, read_write> states: array<State>;
// [pass][tokens, low word of mass, high word of mass][bin]; then ties[group]
@group(0) @binding(7) var<storage, read_write> histograms: array<atomic<u32>>;

const TOP_K = 0u;
const TOP_P = 1u;

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
  if (kind == TOP_K) {
    return vec2u(options.top_k, 0);
  }
  if (kind == TOP_P) {
    let goal = fraction(total, options.top_p);
    return select(goal, vec2u(1, 0), all(goal == vec2u(0)));
  }
  return plus(fraction(total, random()), vec2u(1, 0));
}

fn sum_of(kind: u32, count: u32, mass: vec2u) -> vec2u {
  return select(mass, vec2u(count, 0), kind == TOP_K);
}

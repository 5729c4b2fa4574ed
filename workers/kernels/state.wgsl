// Where a descent (descent.wgsl) has come to after each step.

struct State {
  prefix: u32, // the bits found so far
  peak: u32, // the largest key
  above: u32, // tokens with keys above the prefix
  ties: u32, // after a goal: how many tokens with its key are kept
  mass: vec2u, // of the tokens above
  goal: vec2u,
  total: vec2u,
}

const BINS = 256u;
const STEPS = 12u;

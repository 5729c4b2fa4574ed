// The state of a radix select (radix-select.wgsl) after each pass.

struct State {
  prefix: u32, // the leading bits of the key, as far as they are known
  peak: u32, // the largest key
  above: u32, // number of tokens with keys above the prefix
  ties: u32, // after a stage: how many tokens with its key are kept
  mass: vec2u, // mass of the tokens above the prefix
  goal: vec2u,
  total: vec2u,
}

const BINS = 256u;
const PASSES = 12u;

// Logits as keys: u32 that sort as the logits do. Prepended to the sampling
// kernels.
//
//   logit = penalised(logits[row][id]), f32 or f16
//   key   = bits ^ (negative ? all ones : the sign bit); NaN counts as -Infinity
// key(a) < key(b) where a < b. Comparing integers is safe on every GPU, whereas
// compilers may assume that no float is NaN or infinite.
//
// Each workgroup of a pass reads its own stretch of a row.

override HALVES: bool;

const THREADS = 256u;
const LOWEST = 0x007fffffu; // -Infinity

struct Options {
  vocabulary: u32,
  stretch: u32,
  lower: f32, // 1 / penalty, for positive logits of used tokens
  raise: f32, // penalty, for negative logits of used tokens
  rate: f32, // 1 / temperature
  top_k: u32,
  top_p: u32, // * 2^-32
  seed: u32,
  stages: u32, // of the radix select, two bits each
  first_pass: u32, // of the radix select
}

@group(0) @binding(0) var<storage, read> logits: array<u32>;
@group(0) @binding(1) var<storage, read> used: array<u32>;
@group(0) @binding(2) var<uniform> options: Options;

// The end of a workgroup's stretch.
fn end_of(group: u32) -> u32 {
  return min((group + 1) * options.stretch, options.vocabulary);
}

fn key_of(bits: u32) -> u32 {
  if ((bits & 0x7fffffffu) > 0x7f800000u) {
    return LOWEST;
  }
  return select(bits | 0x80000000u, ~bits, bits >= 0x80000000u);
}

fn bits_of(key: u32) -> u32 {
  return select(~key, key & 0x7fffffffu, key >= 0x80000000u);
}

fn key_at(row: u32, id: u32) -> u32 {
  let at = row * options.vocabulary + id;
  var bits = 0u;
  if (HALVES) {
    bits = widen((logits[at / 2] >> (16 * (at & 1))) & 0xffffu);
  } else {
    bits = logits[at];
  }
  let finite = (bits & 0x7fffffffu) < 0x7f800000u;
  if (finite && ((used[id / 32] >> (id & 31)) & 1) == 1) {
    let logit = bitcast<f32>(bits);
    bits = bitcast<u32>(logit * select(options.raise, options.lower, logit > 0));
  }
  return key_of(bits);
}

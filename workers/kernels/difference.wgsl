// Compares two results:
//   worst[0] = max |a - b|, worst[1] = max |a|
//
// Non-negative floats sort as their bits do: the maximum is an atomicMax of u32,
// in which NaN is larger than any number.

@group(0) @binding(0) var<storage, read> a: array<u32>;
@group(0) @binding(1) var<storage, read> b: array<u32>;
@group(0) @binding(2) var<storage, read_write> worst: array<atomic<u32>, 2>;

fn floats(word: u32) -> vec2f {
  if (HALF == 1) {
    return unpack2x16float(word);
  }
  return vec2f(bitcast<f32>(word), 0);
}

fn bits(x: vec2f) -> u32 {
  let pair = bitcast<vec2u>(x) & vec2u(0x7fffffff);
  return max(pair.x, pair.y);
}

@compute @workgroup_size(64)
fn main(
  @builtin(global_invocation_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  var furthest = 0u;
  var largest = 0u;
  for (var i = id.x; i < arrayLength(&a); i += groups.x * 64) {
    let value = floats(a[i]);
    furthest = max(furthest, bits(value - floats(b[i])));
    largest = max(largest, bits(value));
  }
  atomicMax(&worst[0], furthest);
  atomicMax(&worst[1], largest);
}

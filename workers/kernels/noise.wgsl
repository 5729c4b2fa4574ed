// Fills a buffer with numbers between -1 and 1, a hash of their index (lowbias32 by
// Chris Wellons), as f32 or pairs of f16.

@group(0) @binding(0) var<storage, read_write> words: array<u32>;

fn hash(place: u32) -> f32 {
  var h = place;
  h = (h ^ (h >> 16)) * 0x7feb352du;
  h = (h ^ (h >> 15)) * 0x846ca68bu;
  h = h ^ (h >> 16);
  return f32(h) / 2147483648.0 - 1.0;
}

@compute @workgroup_size(64)
fn main(
  @builtin(global_invocation_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  for (var i = id.x; i < arrayLength(&words); i += groups.x * 64) {
    if (HALF == 1) {
      words[i] = pack2x16float(vec2f(hash(2 * i), hash(2 * i + 1)));
    } else {
      words[i] = bitcast<u32>(hash(i));
    }
  }
}

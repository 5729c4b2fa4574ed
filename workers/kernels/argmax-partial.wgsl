// First pass of argmax: maxima[row][group] = (key, id) of the largest logit in the
// group's stretch of the row, the first of equal ones.
//
// -0 and +0 are equal here.

@group(0) @binding(3) var<storage, read_write> maxima: array<vec2u>;

var<workgroup> keys: array<u32, THREADS>;
var<workgroup> ids: array<u32, THREADS>;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let end = end_of(group.x);
  var best = 0u;
  var first = 0u;
  for (var id = group.x * options.stretch + thread; id < end; id += THREADS) {
    var key = key_at(group.y, id);
    key += u32(key == 0x7fffffffu);
    if (key > best) {
      best = key;
      first = id;
    }
  }
  keys[thread] = best;
  ids[thread] = first;
  for (var step = THREADS / 2; step > 0; step /= 2) {
    workgroupBarrier();
    if (thread < step) {
      let key = keys[thread + step];
      let id = ids[thread + step];
      if (key > keys[thread] || (key == keys[thread] && id < ids[thread])) {
        keys[thread] = key;
        ids[thread] = id;
      }
    }
  }
  if (thread == 0) {
    maxima[group.y * groups.x + group.x] = vec2u(keys[0], ids[0]);
  }
}

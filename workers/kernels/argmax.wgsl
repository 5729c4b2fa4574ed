// Second pass of argmax: picked[row] = the id of the largest key in
// maxima[row][0 .. groups), the first of equal ones.

@group(0) @binding(0) var<storage, read> maxima: array<vec2u>;
@group(0) @binding(1) var<storage, read_write> picked: array<i32>;

var<workgroup> best: array<vec2u, 256>;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) rows: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let row = group.x;
  let groups = arrayLength(&maxima) / rows.x;
  best[thread] = maxima[row * groups + min(thread, groups - 1)];
  for (var step = 128u; step > 0; step /= 2) {
    workgroupBarrier();
    if (thread < step) {
      let own = best[thread];
      let other = best[thread + step];
      if (other.x > own.x || (other.x == own.x && other.y < own.y)) {
        best[thread] = other;
      }
    }
  }
  if (thread == 0) {
    picked[row] = i32(best[0].y);
  }
}

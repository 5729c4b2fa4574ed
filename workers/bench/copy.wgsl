// y[i] = x[i]: a read and a write of 16 bytes a thread, 4 of them far apart.

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(64)
fn main(
  @builtin(global_invocation_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let step = groups.x * 64u;
  for (var i = id.x; i < arrayLength(&x); i += step) {
    y[i] = x[i];
  }
}

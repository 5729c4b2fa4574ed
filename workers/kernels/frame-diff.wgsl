// The difference of two frames: the largest, over GRID x GRID tiles, of the mean
// difference of a tile over its three channels (frame-diff.reference.ts):
//
//   diff = max over tiles T of  1 / 3|T| · Σ |a − b|  over T
//
// One workgroup per tile. The means are not negative, and such floats sort as
// their bits do: the maximum is an atomicMax of u32.

override SIZE: u32;
override GRID: u32;

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> diff: atomic<u32>;

var<workgroup> sums: array<f32, 256>;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) tile: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let length = SIZE / GRID;
  let size = length * length;
  let corner = tile.y * length * SIZE + tile.x * length;
  var sum = 0.0;
  for (var i = thread; i < 3 * size; i += 256) {
    let plane = i / size;
    let row = i % size / length;
    let at = plane * SIZE * SIZE + corner + row * SIZE + i % length;
    sum += abs(a[at] - b[at]);
  }
  sums[thread] = sum;
  for (var reach = 128u; reach > 0; reach /= 2) {
    workgroupBarrier();
    if (thread < reach) {
      sums[thread] += sums[thread + reach];
    }
  }
  if (thread == 0) {
    atomicMax(&diff, bitcast<u32>(sums[0] / f32(3 * size)));
  }
}

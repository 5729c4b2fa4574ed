// How much a picture has changed: the largest, over GRID x GRID tiles, of the
// mean difference of a tile over its three channels (change.reference.ts):
//
//   change = max over tiles T of  1 / 3|T| · Σ |now − before|  over T
//
// A workgroup has a tile. No mean is below zero, and such floats order as
// their bits do: the largest is an atomicMax of whole numbers.

override SIDE: u32;
override GRID: u32;

@group(0) @binding(0) var<storage, read> now: array<f32>;
@group(0) @binding(1) var<storage, read> before: array<f32>;
@group(0) @binding(2) var<storage, read_write> change: atomic<u32>;

var<workgroup> sums: array<f32, 256>;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) tile: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let length = SIDE / GRID;
  let size = length * length;
  let corner = tile.y * length * SIDE + tile.x * length;
  var sum = 0.0;
  for (var i = thread; i < 3 * size; i += 256) {
    let plane = i / size;
    let row = i % size / length;
    let at = plane * SIDE * SIDE + corner + row * SIDE + i % length;
    sum += abs(now[at] - before[at]);
  }
  sums[thread] = sum;
  for (var reach = 128u; reach > 0; reach /= 2) {
    workgroupBarrier();
    if (thread < reach) {
      sums[thread] += sums[thread + reach];
    }
  }
  if (thread == 0) {
    atomicMax(&change, bitcast<u32>(sums[0] / f32(3 * size)));
  }
}

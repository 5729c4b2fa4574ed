import { expect, test } from "vitest";
import { encode, prepare } from "./kernel";
import { openDevice, readBack, storage, submit } from "./testing/gpu";
import wide from "./uint64.wgsl?raw";

const code = `
  @group(0) @binding(0) var<storage, read> pairs: array<vec4u>;
  @group(0) @binding(1) var<storage, read_write> results: array<vec2u>;
  @compute @workgroup_size(64)
  fn main(@builtin(global_invocation_id) id: vec3u) {
    if (id.x >= arrayLength(&pairs)) {
      return;
    }
    let a = pairs[id.x].xy;
    let b = pairs[id.x].zw;
    let at = 6 * id.x;
    results[at] = plus(a, b);
    results[at + 1] = minus(a, b);
    results[at + 2] = vec2u(u32(less(a, b)), 0);
    results[at + 3] = times(a, b.x);
    results[at + 4] = fraction(a, b.x);
    // Goals are above 0, and reached by fewer than 2^21 times of it.
    let each = vec2u(b.x | 1, b.y & 0xffu);
    let goal = minus(times(each, 2 + (a.x & 0xfffffu)), vec2u(a.y & 1, 0));
    results[at + 5] = vec2u(times_to_reach(goal, each), 0);
  }`;

const ALL = 2n ** 64n - 1n;

function wanted(a: bigint, b: bigint): bigint[] {
  const low = b & 0xffffffffn;
  const each = (((b >> 32n) & 0xffn) << 32n) | low | 1n;
  const count = 2n + (a & 0xfffffn);
  const goal = each * count - ((a >> 32n) & 1n);
  return [
    ...[(a + b) & ALL, (a - b) & ALL, a < b ? 1n : 0n],
    ...[(a * low) & ALL, (a * low) >> 32n],
    (goal + each - 1n) / each,
  ];
}

test("computes like BigInt", async () => {
  const device = await openDevice();
  const edges = [0n, 1n, 0xffffn, 0x10000n, 0xffffffffn, 1n << 32n, ALL >> 1n];
  const values = [...edges, ALL];
  let state = 88172645463325252n;
  for (let i = 0; i < 40; i++) {
    state ^= (state << 13n) & ALL;
    state ^= state >> 7n;
    state ^= (state << 17n) & ALL;
    values.push(state, state >> 24n);
  }
  const pairs = values.flatMap((a) => values.map((b) => [a, b] as const));
  const source = storage(device, BigUint64Array.from(pairs.flat()));
  const dest = storage(device, pairs.length * 6 * 8);
  const dispatch = prepare(
    device,
    { label: "wide", code: wide + code },
    [{ buffer: source }, { buffer: dest }],
    [Math.ceil(pairs.length / 64), 1, 1],
  );
  submit(device, (pass) => {
    encode(pass, dispatch);
  });
  const found = [...new BigUint64Array(await readBack(device, dest))];
  for (const [i, [a, b]] of pairs.entries()) {
    const results = found.slice(6 * i, 6 * i + 6);
    expect([a, b, ...results]).toEqual([a, b, ...wanted(a, b)]);
  }
  device.destroy();
});

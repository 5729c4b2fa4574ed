import { expect, test } from "vitest";
import { openKernels } from "./testing/open-kernels";

test.each([false, true])("runs a kernel, relaxed: %s", async (relaxed) => {
  const { memory, pool } = await openKernels(relaxed);
  const x = memory.allocate(28);
  const y = memory.allocate(28);
  memory.floats(x, 7).set([1, 2, 3, 4, 5, 6, 7]);
  memory.floats(y, 7).fill(1);
  pool.run("scaleAdd", { count: 7, grain: 100 }, x, y, 2);
  expect([...memory.floats(y, 7)]).toEqual([3, 5, 7, 9, 11, 13, 15]);
});

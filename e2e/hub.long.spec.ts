import { load, valueOf } from "./support/element.ts";
import { openHub, progressOf, test } from "./support/hub.ts";
import { expect } from "./support/test.ts";

test("opens only the verified backend when a model is loaded again, in less time", async ({
  page,
  hub,
}) => {
  test.setTimeout(300_000);
  const phases: string[][] = [];
  const durations: number[] = [];
  for (let time = 1; time <= 2; time++) {
    await openHub(page, hub, { device: "webgpu" });
    const start = performance.now();
    expect(valueOf(await load(page)).backend).toBe("webgpu");
    durations.push(performance.now() - start);
    const all = (await progressOf(page)).map(({ phase }) => phase);
    phases.push(all.filter((phase, index) => phase !== all[index - 1]));
  }
  expect(phases).toEqual([
    ["loading", "preparing", "warming", "preparing", "warming"],
    ["loading", "preparing", "warming"],
  ]);
  // Usually less than a quarter.
  const [first = NaN, second = NaN] = durations;
  expect(second, "ms of the second load").toBeLessThan(first / 2);
});

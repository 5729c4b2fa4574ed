import { load, valueOf } from "./support/element.ts";
import { openHub, progressOf, test } from "./support/hub.ts";
import { expect } from "./support/test.ts";

test("opens only the verified backend when a model is loaded again", async ({
  page,
  hub,
}) => {
  test.setTimeout(300_000);
  const phases: string[][] = [];
  for (let time = 1; time <= 2; time++) {
    await openHub(page, hub, { device: "webgpu" });
    expect(valueOf(await load(page)).backend).toBe("webgpu");
    const all = (await progressOf(page)).map(({ phase }) => phase);
    phases.push(all.filter((phase, index) => phase !== all[index - 1]));
  }
  expect(phases).toEqual([
    ["loading", "preparing", "warming", "preparing", "warming"],
    ["loading", "preparing", "warming"],
  ]);
});

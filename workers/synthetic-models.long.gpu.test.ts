import { expect, test } from "vitest";
import golden from "../e2e/fixtures/golden/tiny-wide.golden.json";
import type { LoadedModel } from "./loading/loaded-model";
import { expectGolden, openImage, useModel } from "./testing/golden";
import { syntheticModel } from "./testing/synthetic-model";

let model: LoadedModel;

useModel(
  "webgpu",
  () => syntheticModel("tiny-wide"),
  (loaded) => {
    model = loaded;
  },
);

test("0.5B's widths on webgpu", async () => {
  const [smallest] = golden;
  if (!smallest) throw new Error("no golden image");
  expect(smallest.file).toBe("128.png");
  const path = "../e2e/fixtures/synthetic/128.png";
  const frame = await openImage(new URL(path, import.meta.url));
  await expectGolden(model, frame, smallest);
});

import { test } from "vitest";
import { Tensors } from "../../ort/tensor";
import { expectSameFeatures } from "../../testing/compare-encoders";
import { testGpu } from "../../testing/on-gpu";

const nano = new URL("/models/nano/", location.href).href;

test("gives the features of the ORT backend: nano", async () => {
  const gpu = await testGpu();
  await expectSameFeatures(new Tensors(gpu), nano, [64]);
  gpu.close();
});

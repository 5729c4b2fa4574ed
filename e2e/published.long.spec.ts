import { dtypes } from "../src/shared/options.ts";
import {
  expectAnswers,
  expectReference,
  openPublished,
  testPublished,
} from "./support/published.ts";
import { expect } from "./support/test.ts";
import { serveTransformersJs } from "./support/transformers-js.ts";

/** The published form in every dtype. */
for (const external of [false, true]) {
  const test = testPublished(dtypes, external);
  const where = external ? "with external data" : "in single files";

  for (const dtype of dtypes) {
    test(`answers the same in ${dtype} ${where}, like transformers.js`, async ({
      page,
      hub,
      server,
    }) => {
      await openPublished(page, hub, { device: "wasm", dtype });
      const { dtypes } = await expectAnswers(page);
      expect(new Set(Object.values(dtypes))).toEqual(new Set([dtype]));
      await serveTransformersJs(server);
      await expectReference(page, hub, server, dtype);
    });
  }
}

const test = testPublished(["fp32", "q4"]);

test("answers the same in q4 on the WebGPU backend", async ({ page, hub }) => {
  await openPublished(page, hub, { device: "webgpu", dtype: "q4" });
  const { backend, backendReason } = await expectAnswers(page);
  expect({ backend, backendReason }).toMatchObject({ backend: "webgpu" });
});

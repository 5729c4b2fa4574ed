import { call, valueOf } from "./support/element.ts";
import type { ModelReport } from "../src/shared/models.ts";
import {
  expectAnswers,
  expectReference,
  openPublished,
  testPublished,
} from "./support/published.ts";
import { expect } from "./support/test.ts";
import { serveTransformersJs } from "./support/transformers-js.ts";

/** A small model in the published form. */
const test = testPublished(["fp32", "q4", "q8"]);

test("loads the published folder by its id, with default options", async ({
  page,
  hub,
  watch,
}) => {
  await openPublished(page, hub, { device: "auto", dtype: "auto" });
  const report = valueOf(await call<ModelReport>(page, "inspect"));
  for (const variants of Object.values(report.graphs)) {
    expect(variants.map(({ dtype }) => dtype).sort()).toEqual([
      ...["fp32", "q4", "q8"],
    ]);
  }
  const info = await expectAnswers(page);
  expect(info.dtypes).toEqual(report.chosen?.dtypes);
  expect(watch.errors).toEqual([]);
});

test("runs the published folder in q8 on WebAssembly", async ({
  page,
  hub,
}) => {
  await openPublished(page, hub, { device: "wasm", dtype: "q8" });
  const { backend, dtypes } = await expectAnswers(page);
  expect({ backend, ...dtypes }).toMatchObject({
    backend: "ort",
    vision_encoder: "q8",
    decoder_model_merged: "q8",
  });
});

test("transformers.js says the same of the published folder", async ({
  page,
  hub,
  server,
}) => {
  await serveTransformersJs(server);
  for (const dtype of ["q4", "q8"] as const) {
    await expectReference(page, hub, server, dtype);
  }
});

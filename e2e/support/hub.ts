import type { Page } from "@playwright/test";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { ModelReport, StoredModel } from "../../src/shared/models.ts";
import type { WorkerEvent } from "../../src/shared/protocol.ts";
import { startHub } from "../../tools/cli/hub/server.mjs";
import {
  ask,
  call,
  openQuiet,
  valueOf,
  type OpenOptions,
  type Outcome,
} from "./element.ts";
import { model, root } from "./paths.ts";
import { encodePng } from "./png.ts";
import { draw, scenes } from "./scenes.ts";
import { expect, test as base } from "./test.ts";

export type Hub = Awaited<ReturnType<typeof startHub>>;
type Progress = Extract<WorkerEvent, { type: "progress" }>;

export const id = "fast-vlm/nano";

declare global {
  interface Window {
    progress: Progress[];
  }
}

/** Serves the bundled model from a new hub for each test. */
export const test = base.extend<{ readonly hub: Hub }>({
  // Playwright reads the names of what a fixture uses from this pattern.
  // eslint-disable-next-line no-empty-pattern
  hub: async ({}, use) => {
    const hub = await startHub({ models: { [id]: model } });
    await use(hub);
    await hub.close();
  },
});

/** Opens the page with the hub's model, and records load progress. */
export async function openHub(
  page: Page,
  hub: Hub,
  options: Pick<OpenOptions, "model" | "loading" | "device"> = {},
): Promise<void> {
  await openQuiet(page, { model: id, hub: hub.url, ...options });
  await page.evaluate(() => {
    window.progress = [];
    document
      .querySelector("fast-vlm")
      ?.addEventListener("modelprogress", ({ detail }) => {
        window.progress.push(detail);
      });
  });
}

export const progressOf = (page: Page): Promise<Progress[]> =>
  page.evaluate(() => window.progress);

/** Bytes of ONNX Runtime, which a load downloads besides the model. */
export const runtimeBytes = statSync(
  join(
    root,
    "node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.jspi.wasm",
  ),
).size;

/** Resolves when at least that many bytes of the model have arrived. */
export async function arrived(page: Page, bytes: number): Promise<void> {
  await page.waitForFunction(
    (bytes) => window.progress.some(({ loaded }) => loaded >= bytes),
    bytes + runtimeBytes,
    { polling: 20 },
  );
}

/** Bytes of weights that the hub has sent, of one file or all. */
export function sent(hub: Hub, file = ""): number {
  return hub.requests
    .filter((request) => request.file.startsWith(file || "onnx/"))
    .reduce((sum, { bytes }) => sum + bytes, 0);
}

export const inspect = async (page: Page): Promise<ModelReport> =>
  valueOf(await call(page, "inspect"));

export const stored = async (page: Page): Promise<StoredModel[]> =>
  valueOf(await call(page, "stored"));

export const removeStored = (
  page: Page,
  key: string,
): Promise<Outcome<unknown>> => call(page, "removeStored", key);

/** Sets the model attribute. */
export async function choose(page: Page, model: string): Promise<void> {
  await page.evaluate((model) => {
    document.querySelector("fast-vlm")?.setAttribute("model", model);
  }, model);
}

const [scene] = scenes;
if (!scene) throw new Error("no scene");
export const image = {
  name: "circle.png",
  bytes: encodePng(draw(scene, 256, 256)),
};

/** The graphs in fp32, which these tests load, and their sizes. */
export const graphs = readdirSync(join(model, "onnx"))
  .filter((name) => /^[a-z_]+(?<!_fp16|_q4|_q4f16)\.onnx$/.test(name))
  .map((name) => `onnx/${name}`);
export const sizeOf = (file: string): number =>
  statSync(join(model, file)).size;
export const weights = graphs.reduce((sum, file) => sum + sizeOf(file), 0);
export const decoder = "onnx/decoder_model_merged.onnx";

/** A random position in a file. */
export const somewhere = (file: string): number =>
  Math.floor(Math.random() * (sizeOf(file) - 1)) + 1;

export async function answers(page: Page): Promise<void> {
  const { text } = valueOf(await ask(page, image));
  expect(text).toBe(scene?.caption);
}

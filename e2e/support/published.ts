import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Page } from "@playwright/test";
import type { Dtype } from "../../src/shared/models.ts";
import { startHub } from "../../tools/cli/hub/server.mjs";
import { PublishedModel } from "../../workers/testing/published/model.ts";
import {
  ask,
  call,
  load,
  openQuiet,
  valueOf,
  type OpenOptions,
} from "./element.ts";
import type { Hub } from "./hub.ts";
import { fixtures, scratch } from "./paths.ts";
import { encodePng } from "./png.ts";
import { expect, test as base, type Server } from "./test.ts";

const id = "onnx-community/FastVLM-0.5B-ONNX";
const SIDE = 128;
const prompt = "Describe the image.";
const maxTokens = 6;

/** Images of the encoder's size, so that no resizer changes them, and what the
 * model says of them in every dtype. */
const cases = [
  {
    image: readFileSync(join(fixtures, "synthetic/128.png")),
    tokenIds: [30332, 113723, 136466, 53075, 90980, 151628],
  },
  {
    image: encodePng({ width: SIDE, height: SIDE, pixels: blocks() }),
    tokenIds: [144047, 60656, 113723, 68237, 83399, 83399],
  },
];

/** Blocks of 16 pixels in many colours. */
function blocks(): Uint8Array {
  return Uint8Array.from({ length: 3 * SIDE * SIDE }, (_, i) => {
    const pixel = Math.floor(i / 3);
    const x = Math.floor((pixel % SIDE) / 16);
    const y = Math.floor(pixel / SIDE / 16);
    return (149 * x * x + 43 * y * y + 17 * ((i % 3) + 1) * (x + y)) % 256;
  });
}

/** Each worker's hub of a model in the published form, in the given dtypes. */
export function testPublished(dtypes: readonly Dtype[], external = false) {
  return base.extend<object, { readonly hub: Hub }>({
    hub: [
      // Playwright reads the names of what a fixture uses from this pattern.
      // eslint-disable-next-line no-empty-pattern
      async ({}, use) => {
        const folder = join(scratch, external ? "published-data" : "published");
        await write(folder, dtypes, external);
        const hub = await startHub({ models: { [id]: folder } });
        await use(hub);
        await hub.close();
      },
      { scope: "worker" },
    ],
  });
}

async function write(
  folder: string,
  dtypes: readonly Dtype[],
  external: boolean,
): Promise<void> {
  rmSync(folder, { recursive: true, force: true });
  const files = await new PublishedModel().files(dtypes, external);
  for (const [path, file] of files) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), await file.bytes());
  }
}

/** Opens the page with the hub's model and accepts its licence. */
export async function openPublished(
  page: Page,
  hub: Hub,
  options: OpenOptions,
): Promise<void> {
  await openQuiet(page, { ...options, model: id, hub: hub.url });
  valueOf(await call(page, "acceptLicense", "apple-amlr"));
}

/** Loads the model of the page, and expects the same answers as always. */
export async function expectAnswers(page: Page) {
  const info = valueOf(await load(page));
  for (const [i, { image, tokenIds }] of cases.entries()) {
    const file = { name: `${i}.png`, bytes: image };
    const answer = valueOf(await ask(page, file, { prompt, maxTokens }));
    expect(answer.tokenIds).toEqual(tokenIds);
  }
  return info;
}

/** Expects the same answers of transformers.js. */
export async function expectReference(
  page: Page,
  hub: Hub,
  server: Server,
  dtype: Dtype,
): Promise<void> {
  await page.goto("/parity/index.html");
  const place = { id, endpoint: hub.url };
  await page.evaluate(([dtype, place]) => window.loadReference(dtype, place), [
    dtype,
    place,
  ] as const);
  for (const { image, tokenIds } of cases) {
    server.mount("/case.png", (_req, res) => res.end(image));
    const ids = await page.evaluate(
      ([prompt, maxTokens]) =>
        window.askReference("/case.png", prompt, maxTokens),
      [prompt, maxTokens] as const,
    );
    expect(ids).toEqual(tokenIds);
  }
}

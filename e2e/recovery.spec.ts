import type { Page, Worker } from "@playwright/test";
import { cpSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { folderHandler } from "../tools/cli/server.mjs";
import { ask, errorOf, load, openQuiet, valueOf } from "./support/element.ts";
import { root, scratch } from "./support/paths.ts";
import { encodePng } from "./support/png.ts";
import { draw, scenes } from "./support/scenes.ts";
import { expect, test } from "./support/test.ts";

const [scene] = scenes;
if (!scene) throw new Error("no scene");
const image = { name: "circle.png", bytes: encodePng(draw(scene, 256, 256)) };

/** The model's worker, without its thread workers. */
async function modelWorker(page: Page): Promise<Worker> {
  const named = (worker: Worker): boolean =>
    worker.url().includes("vlm.worker");
  const found = page.workers().find(named);
  return found ?? page.waitForEvent("worker", { predicate: named });
}

test("a dead worker rejects pending requests and restarts", async ({
  page,
}) => {
  await openQuiet(page);
  valueOf(await load(page));
  const before = valueOf(await ask(page, image));

  const worker = await modelWorker(page);
  const closed = worker.waitForEvent("close");
  // Terminates during the next call, before it is answered.
  await worker.evaluate(() => {
    const die = (): never => {
      throw new Error("killed by a test");
    };
    addEventListener("message", die, { once: true, capture: true });
  });
  const error = errorOf(await ask(page, image));
  expect(error.code).toBe("worker-died");
  expect(error.advice).not.toBe("");

  const after = valueOf(await ask(page, image));
  expect(after.tokenIds).toEqual(before.tokenIds);
  await closed;
});

test("a lost device is reported, and the next image works", async ({
  page,
  server,
}) => {
  // The software adapter loads the bundled model, and large images, slowly.
  const micro = join(scratch, "micro-64");
  cpSync(join(root, "workers/testing/micro"), micro, { recursive: true });
  writeFileSync(join(micro, "preprocessor_config.json"), '{ "size": 64 }');
  server.mount("/micro/", folderHandler(micro));
  await openQuiet(page, { device: "webgpu", model: "/micro/" });
  // Records the devices that the worker requests.
  const started = page.waitForEvent("worker");
  const loading = load(page);
  await (
    await started
  ).evaluate(() => {
    const scope = globalThis as unknown as { devices: GPUDevice[] };
    scope.devices = [];
    type Request = (
      this: GPUAdapter,
      descriptor?: GPUDeviceDescriptor,
    ) => Promise<GPUDevice>;
    const { requestDevice: request } = GPUAdapter.prototype as unknown as {
      requestDevice: Request;
    };
    GPUAdapter.prototype.requestDevice = async function (descriptor) {
      const device = await request.call(this, descriptor);
      scope.devices.push(device);
      return device;
    };
  });
  expect(valueOf(await loading).device).toBe("webgpu");
  const before = valueOf(await ask(page, image, { maxTokens: 8 }));

  const worker = await modelWorker(page);
  const destroyed = await worker.evaluate(() => {
    const { devices } = globalThis as unknown as { devices: GPUDevice[] };
    for (const device of devices) device.destroy();
    return devices.length;
  });
  expect(destroyed).toBeGreaterThan(0);

  // The loss may be reported before or during the next request.
  const next = await ask(page, image, { maxTokens: 8 });
  if ("error" in next) expect(next.error.code).toBe("device-lost");
  const after = valueOf(
    "error" in next ? await ask(page, image, { maxTokens: 8 }) : next,
  );
  expect(after.tokenIds).toEqual(before.tokenIds);
});

/** Waits until the page is stored with the runtime, which is cached last. */
const untilCached = (page: Page): Promise<void> =>
  expect
    .poll(() =>
      page.evaluate(async () => {
        const cache = await caches.open("fast-vlm-runtime");
        return (await cache.keys()).length;
      }),
    )
    .toBe(1);

test("the page and its model start offline", async ({
  page,
  context,
  watch,
}) => {
  const ready = (): Promise<void> =>
    expect
      .poll(() =>
        page.evaluate(() => document.querySelector("fast-vlm")?.state),
      )
      .toBe("ready");
  await page.goto("/");
  await ready();
  await untilCached(page);

  await context.setOffline(true);
  await page.reload();
  await ready();
  // The headers are cached, so threads work.
  expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
  await page.getByRole("button", { name: "Three shapes" }).click();
  await expect(page.locator("#ttft")).toHaveText(/^\d+/);
  expect(watch.foreign).toEqual([]);
});

test("offline without its model, the page says so and starts when online", async ({
  page,
  context,
}) => {
  await page.goto("/");
  await expect(page.locator("#readiness")).toHaveText(/ready/);
  await untilCached(page);
  await page.evaluate(async () => {
    const vlm = document.querySelector("fast-vlm");
    for (const { key } of (await vlm?.stored()) ?? []) {
      await vlm?.removeStored(key);
    }
  });

  await context.setOffline(true);
  await page.reload();
  const error = page.locator("fast-vlm").locator("[part~=error]");
  await expect(error).toContainText("Check the connection");
  await expect(error).toBeInViewport({ ratio: 1 });
  await expect(page.locator("#readiness")).toHaveText(/not loaded yet/);

  await context.setOffline(false);
  await page.getByRole("button", { name: "Three shapes" }).click();
  await expect(page.locator("#ttft")).toHaveText(/^\d+/);
  await expect(error).toBeHidden();
});

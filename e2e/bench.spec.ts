import { expect, test } from "./support/test.ts";
import { violations } from "./support/violations.ts";

test("invalid options are reported", async ({ page }) => {
  await page.goto("/bench?model=none");
  const start = page.getByRole("button", { name: "Start" });
  const failure = page.locator("#failure");
  await start.click();
  await expect(failure).toContainText("Unknown model “none”");
  await page.getByLabel("Model", { exact: true }).fill("nano");
  await page.getByLabel("Frames", { exact: true }).fill("none");
  await start.click();
  await expect(failure).toContainText(
    "frames must be a whole number, 1 or more, not “none”",
  );
  await page.getByLabel("Frames", { exact: true }).fill("1");
  await page.getByLabel("fast-vlm", { exact: true }).uncheck();
  await start.click();
  await expect(failure).toContainText("The line-up lacks fast-vlm");
  expect(await violations(page)).toEqual([]);
});

test("the URL accepts values that the form does not list", async ({ page }) => {
  const byGraph = "embed_tokens=fp32,decoder_model_merged=q4";
  await page.goto(`/bench?dtype=${encodeURIComponent(byGraph)}`);
  await expect(page.getByLabel("Precision")).toHaveValue(byGraph);
  await page.goto("/bench?device=npu");
  await page.getByRole("button", { name: "Start" }).click();
  await expect(page.locator("#failure")).toContainText(
    "device must be one of webgpu, wasm, not “npu”",
  );
});

test("a device that is not there is refused", async ({ page }) => {
  await page.addInitScript(() => {
    Object.defineProperty(navigator, "gpu", { value: undefined });
  });
  await page.goto("/bench");
  const device = page.getByLabel("Device");
  await expect(device).toHaveValue("wasm");
  await expect(
    device.getByRole("option", { name: "WebGPU (no adapter)" }),
  ).toBeDisabled();
  await page.goto("/bench?device=webgpu");
  await page.getByRole("button", { name: "Start" }).click();
  await expect(page.locator("#failure")).toContainText(
    "this browser has no WebGPU adapter",
  );
});

test("only the bench loads transformers.js", async ({ page }) => {
  const scripts: string[] = [];
  page.on("request", (request) => void scripts.push(request.url()));
  await page.goto("/?source=none&loading=manual");
  await page.waitForLoadState("networkidle");
  const isTransformersJs = (url: string): boolean =>
    /transformers|bench/.test(url);
  expect(scripts.some((url) => url.endsWith(".js"))).toBe(true);
  expect(scripts.filter(isTransformersJs)).toEqual([]);
});

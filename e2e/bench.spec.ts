import { readFileSync } from "node:fs";
import { AxeBuilder } from "@axe-core/playwright";
import type { Page } from "@playwright/test";
import type { BenchRecord } from "../src/pages/bench/record.ts";
import { expect, test } from "./support/test.ts";

async function violations(page: Page): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target }) => `${id}: ${target.join(" ")}`),
  );
}

async function download(page: Page, name: string): Promise<string> {
  const [file] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("link", { name, exact: true }).click(),
  ]);
  return readFileSync(await file.path(), "utf8");
}

test("both engines give the same tokens for the same frames", async ({
  page,
  watch,
}) => {
  test.setTimeout(1_200_000);
  await page.goto("/bench?frames=2");
  await page.getByRole("button", { name: "Start" }).click();
  await expect(page.locator("#outcome")).toBeVisible({ timeout: 1_100_000 });
  await expect(page.locator("#comparison")).toHaveText(
    "All engines gave the same tokens.",
  );
  expect(watch.errors).toEqual([]);
  expect(watch.foreign).toEqual([]);

  const record = JSON.parse(await download(page, "JSON")) as BenchRecord;
  const names = record.engines.map(({ name }) => name);
  expect(names).toEqual(["transformers.js", "fast-vlm"]);
  const [theirs, ours] = record.engines.map(({ captions }) => captions);
  expect(theirs).toHaveLength(2);
  expect(ours?.map(({ tokenIds }) => tokenIds)).toEqual(
    theirs?.map(({ tokenIds }) => tokenIds),
  );
  for (const caption of [...(theirs ?? []), ...(ours ?? [])]) {
    const {
      capture = 0,
      pixels = 0,
      features = 0,
      prefill = 0,
    } = caption.stages;
    expect(Math.min(capture, pixels, features, prefill)).toBeGreaterThan(0);
    const parts = capture + pixels + features + prefill;
    expect(parts).toBeCloseTo(caption.firstToken, 3);
    expect(caption.total).toBeGreaterThanOrEqual(caption.firstToken);
    expect(caption.tokenIds.length).toBeGreaterThan(0);
    expect(caption.calls.submits).toBeGreaterThan(0);
    expect(caption.calls.bytesRead).toBeGreaterThan(0);
  }
  expect(record.roofline?.matmul).toBeGreaterThan(0);
  expect(record.roofline?.floor.encoder).toBeGreaterThan(0);

  expect(await download(page, "CSV")).toMatch(/\r\nfast-vlm,\w+,1,/);
  expect(await download(page, "SVG")).toMatch(/^<svg xmlns=[^]*<\/svg>$/);
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    expect(await violations(page)).toEqual([]);
  }
});

test("invalid options are reported", async ({ page }) => {
  await page.goto("/bench?model=none");
  const start = page.getByRole("button", { name: "Start" });
  const failure = page.locator("#failure");
  await start.click();
  await expect(failure).toContainText("Unknown model “none”");
  await page.getByLabel("Model", { exact: true }).fill("nano");
  await page.getByLabel("Frames", { exact: true }).fill("none");
  await start.click();
  await expect(failure).toContainText("Invalid frames “none”");
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
  await expect(page.locator("#failure")).toContainText("Unknown device “npu”");
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

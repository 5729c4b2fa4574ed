import { readFileSync } from "node:fs";
import type { Page } from "@playwright/test";
import type { BenchRecord } from "../src/pages/bench/record.ts";
import { expect, test } from "./support/test.ts";
import { violations } from "./support/violations.ts";

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
    "All engines produced the same tokens.",
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

import type { Page } from "@playwright/test";
import type { CaptionDetail } from "../src/index.ts";
import { scenes } from "./support/scenes.ts";
import { expect, test } from "./support/test.ts";

interface Seen {
  readonly captions: CaptionDetail[];
  tokens: number;
}

declare global {
  interface Window {
    seen: Seen;
  }
}

/** Records the events of the element, before its script runs. */
async function listen(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const seen: Seen = { captions: [], tokens: 0 };
    window.seen = seen;
    addEventListener("token", () => seen.tokens++);
    addEventListener("caption", (event) => {
      seen.captions.push((event as CustomEvent<CaptionDetail>).detail);
    });
  });
}

const captions = (page: Page): Promise<CaptionDetail[]> =>
  page.evaluate(() => window.seen.captions);

test("captions follow the camera, each with its time to first token", async ({
  page,
  watch,
}) => {
  await listen(page);
  await page.goto("/");
  await page.getByRole("button", { name: "Use my camera" }).click();

  const expected = scenes.map(({ caption }) => caption);
  await expect
    .poll(async () => [
      ...new Set((await captions(page)).map(({ text }) => text)),
    ])
    .toEqual(expect.arrayContaining(expected));

  const seen = await captions(page);
  for (const { text, timings, age, imageTokens } of seen) {
    expect(expected).toContain(text);
    expect(timings.ttft).toBeGreaterThan(0);
    expect(age).toBeGreaterThan(timings.firstToken);
    expect(imageTokens).toBe(16);
    const { wait = 0, preprocess, encode, prefill, firstDecode } = timings;
    const parts = wait + preprocess + encode + prefill + firstDecode;
    expect(parts + (timings.paint ?? 0)).toBeCloseTo(timings.ttft ?? 0, -1);
  }
  // Captions do not overlap, and each is about a newer frame.
  const times = seen.map(({ time }) => time);
  expect(times).toEqual([...times].sort((a, b) => a - b));

  await expect(page.locator("#ttft")).toHaveText(/^\d+/);
  // Rendered only while it is open.
  await expect(page.locator("#performance-content")).toBeEmpty();
  await page.getByText("Performance").click();
  await expect(page.locator("#part-encode")).toHaveText(/^[\d.]+ ms$/);
  await expect(page.locator("#about-device")).toHaveText(/^(WASM|WebGPU)$/);
  await expect(page.locator("#about-adapter")).not.toHaveText("–");
  expect(watch.errors).toEqual([]);
  expect(watch.foreign).toEqual([]);
});

test("device auto does not choose a software adapter, and gives the reason", async ({
  page,
}) => {
  await page.goto("/?source=none");
  const software = await page.evaluate(async () => {
    const adapter = await navigator.gpu.requestAdapter();
    return adapter?.info.isFallbackAdapter ?? true;
  });
  const device = software ? "WASM" : "WebGPU";
  await page.getByText("Performance").click();
  await expect(page.locator("#about-device")).toHaveText(device);
  if (software) await expect(page.locator("#about-reason")).toHaveText(/\w/);
});

test("stop works within one token", async ({ page }) => {
  await listen(page);
  await page.goto("/");
  await page.getByRole("button", { name: "Use my camera" }).click();
  await expect
    .poll(async () => (await captions(page)).length)
    .toBeGreaterThan(0);
  const after = await page.evaluate(
    () =>
      new Promise<number>((resolve) => {
        addEventListener(
          "token",
          () => {
            document.querySelector("fast-vlm")?.stop();
            const { tokens } = window.seen;
            setTimeout(() => resolve(window.seen.tokens - tokens), 3000);
          },
          { once: true },
        );
      }),
  );
  expect(after).toBeLessThanOrEqual(1);

  // It can be started again.
  await page.evaluate(() => (window.seen.captions.length = 0));
  await page.getByRole("button", { name: "Use my camera" }).click();
  await expect
    .poll(async () => (await captions(page)).length)
    .toBeGreaterThan(0);
  await page.getByRole("button", { name: "Close" }).click();
  await expect(
    page.getByRole("button", { name: "Use my camera" }),
  ).toBeVisible();
});

test("freezes a frame, answers about it, and resumes", async ({ page }) => {
  await listen(page);
  await page.goto("/");
  await page.getByRole("button", { name: "Use my camera" }).click();
  await expect
    .poll(async () => (await captions(page)).length)
    .toBeGreaterThan(0);
  await page.getByRole("button", { name: "Freeze" }).click();
  const resume = page.getByRole("button", { name: "Resume" });
  await expect(resume).toBeVisible();
  await page.evaluate(() => (window.seen.captions.length = 0));
  for (const [at, question] of [
    "How many shapes are there?",
    "Describe the image.",
  ].entries()) {
    await page.locator("#question").fill(question);
    await page.locator("#question").press("Enter");
    await expect.poll(async () => (await captions(page)).length).toBe(at + 1);
  }
  const [count, description] = await captions(page);
  expect(count?.prompt).toBe("How many shapes are there?");
  expect(count?.text).toMatch(/^(One|Two)\.$/);
  expect(description?.prompt).toBe("Describe the image.");
  expect(scenes.map(({ caption }) => caption)).toContain(description?.text);
  // Live captions continue.
  await resume.click();
  await expect(resume).toBeHidden();
  await expect
    .poll(async () => (await captions(page)).length)
    .toBeGreaterThan(2);
});

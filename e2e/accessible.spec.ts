import type { Page } from "@playwright/test";
import { model } from "./support/paths.ts";
import { expect, test } from "./support/test.ts";
import { violations } from "./support/violations.ts";

/** Checks both colour schemes at phone and desktop width. */
async function expectAccessible(page: Page): Promise<void> {
  for (const width of [390, 1440]) {
    await page.setViewportSize({ width, height: 900 });
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      const at = `${colorScheme} at ${width} px`;
      expect(await violations(page), at).toEqual([]);
    }
    const overflow = await page.evaluate(
      () => document.documentElement.scrollWidth - innerWidth,
    );
    expect(overflow, `overflow at ${width} px`).toBeLessThanOrEqual(0);
  }
}

test("axe finds no violations in the page", async ({ page, watch }) => {
  await page.goto("/?loading=manual");
  await expectAccessible(page);

  await page.getByRole("button", { name: "Three shapes" }).click();
  await expect(page.locator("#ttft")).toHaveText(/^\d+/);
  await expectAccessible(page);

  await page.locator("#file").setInputFiles({
    name: "notes.png",
    mimeType: "image/png",
    buffer: Buffer.from("Milk, eggs, bread.\n"),
  });
  const error = page.locator("fast-vlm").locator("[part~=error]");
  await expect(error).toContainText("notes.png");
  await expectAccessible(page);

  // The model report, with all details open.
  await page.locator("#folder-file").setInputFiles(model);
  await expect(page.locator("#model-report")).toContainText("decoder_model");
  await page.evaluate(() => {
    for (const details of document.querySelectorAll("details")) {
      details.open = true;
    }
  });
  await expectAccessible(page);
  await page.locator("#model").selectOption("fastvlm-7b");
  await expect(page.locator("#model-error")).toContainText("convert");
  await expectAccessible(page);
  expect(watch.errors).toEqual([]);
});

test("axe finds no violations in a bare element in any state", async ({
  page,
}) => {
  await page.goto("/?source=none&loading=manual");
  await page.evaluate(async () => {
    await customElements.whenDefined("fast-vlm");
    const bare = document.createElement("fast-vlm");
    Object.assign(bare, { id: "bare", model: "nano", source: "camera" });
    document.querySelector("main")?.append(bare);
  });
  const bare = page.locator("#bare");
  const check = async (): Promise<void> => {
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      expect(await violations(page)).toEqual([]);
    }
  };
  await check();
  await bare.getByRole("button", { name: "Start" }).click();
  await bare.getByRole("button", { name: "Freeze" }).click();
  await bare.getByRole("button", { name: "Resume" }).waitFor();
  await bare.evaluate((vlm: HTMLElementTagNameMap["fast-vlm"]) => vlm.ask());
  await check();
  await bare.evaluate((vlm) => vlm.setAttribute("for", "nothing"));
  await expect(bare.locator("[part~=error]")).toContainText("“nothing”");
  await check();
});

test("selected options are visible in forced colours", async ({ page }) => {
  await page.emulateMedia({ forcedColors: "active" });
  await page.goto("/?loading=manual&lang=en");
  const background = (name: string): Promise<string> =>
    page
      .getByRole("button", { name, exact: true })
      .evaluate((button) => getComputedStyle(button).backgroundColor);
  expect(await background("EN")).not.toBe(await background("DE"));
  await page.getByRole("button", { name: "Three shapes" }).click();
  await expect(page.locator("#ttft")).toHaveText(/^\d+/);
  await page.getByText("Performance").click();
  await expect(page.locator("#bar > *")).toHaveCount(6);
  const colours = await page
    .locator("#bar > *")
    .evaluateAll((parts) =>
      parts.map((part) => getComputedStyle(part).backgroundColor),
    );
  expect(new Set(colours).size).toBe(6);
});

/** The id of the focused element, of the details that it opens, or its sample. */
const focused = (page: Page): Promise<string> =>
  page.evaluate(() => {
    const element = document.activeElement;
    if (!(element instanceof HTMLElement)) return "";
    const { id, dataset, parentElement } = element;
    const panel = element.matches("summary") ? parentElement?.id : "";
    return id || panel || dataset["sample"] || "";
  });

async function tabTo(page: Page, id: string): Promise<void> {
  for (let step = 0; step < 60; step++) {
    if ((await focused(page)) === id) return;
    await page.keyboard.press("Tab");
  }
  throw new Error(`The Tab key does not reach ${id}.`);
}

test("everything works with the keyboard", async ({ page }) => {
  await page.goto("/?loading=manual");
  for (const id of ["use-camera", "shapes", "star", "word", "clip"]) {
    await tabTo(page, id);
  }
  for (const id of ["open-file", "share-screen"]) await tabTo(page, id);

  // The panels, and another model by URL with its error.
  await tabTo(page, "model-panel");
  await page.keyboard.press("Enter");
  for (const id of ["model", "dtype", "device"]) await tabTo(page, id);
  await tabTo(page, "image-panel");
  await page.keyboard.press("Enter");
  for (const id of ["prompt", "size", "fit", "style", "anyres"]) {
    await tabTo(page, id);
  }
  await tabTo(page, "model");
  await page.keyboard.type("Other");
  await tabTo(page, "model-id");
  await page.keyboard.type("/models/none/");
  await page.keyboard.press("Enter");
  await expect(page.locator("#model-error")).toContainText("config.json");

  // A sample and its caption.
  await tabTo(page, "shapes");
  await page.keyboard.press("Enter");
  await expect(page.locator("#ttft")).toHaveText(/^\d+/);
  await expect(page.getByRole("button", { name: "Close" })).toBeFocused();

  // A question.
  await tabTo(page, "question");
  await page.keyboard.type("Is there a red circle?");
  await page.keyboard.press("Enter");
  await expect
    .poll(() => page.evaluate(() => document.querySelector("fast-vlm")?.text))
    .toMatch(/^(Yes|No)\.$/);
  await tabTo(page, "stop");
  await page.keyboard.press("Enter");

  // The camera: freeze, resume and stop.
  const camera = page.getByRole("button", { name: "Use my camera" });
  await expect(camera).toBeFocused();
  await page.keyboard.press("Space");
  await expect(page.getByRole("button", { name: "Freeze" })).toBeFocused();
  await expect(page.locator("#ttft")).toHaveText(/^\d+/);
  await page.keyboard.press("Space");
  await expect(page.getByRole("button", { name: "Resume" })).toBeFocused();
  await page.keyboard.press("Space");
  await expect(page.getByRole("button", { name: "Freeze" })).toBeFocused();
  await tabTo(page, "stop");
  await page.keyboard.press("Space");
  await expect(camera).toBeFocused();
});

import type { Page } from "@playwright/test";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { model, scratch } from "./support/paths.ts";
import { encodePng } from "./support/png.ts";
import { draw, scenes } from "./support/scenes.ts";
import { expect, test } from "./support/test.ts";

const folder = join(scratch, "dropped");
const [scene] = scenes;
if (!scene) throw new Error("no scene");

test.beforeAll(() => {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "notes.txt"), "Milk, eggs, bread.\n");
  const image = encodePng(draw(scene, 256, 256));
  for (const name of ["one.png", "two.png"]) {
    writeFileSync(join(folder, name), image);
  }
});

/** Drags files of this machine onto the page. */
async function drag(
  page: Page,
  files: readonly string[],
  drop = true,
): Promise<void> {
  const session = await page.context().newCDPSession(page);
  const data = { items: [], files: [...files], dragOperationsMask: 1 };
  const kinds = ["dragEnter", "dragOver", ...(drop ? ["drop"] : [])] as const;
  for (const type of kinds) {
    await session.send("Input.dispatchDragEvent", {
      type: type as "dragEnter" | "dragOver" | "drop",
      x: 200,
      y: 200,
      data,
    });
  }
  await session.detach();
}

const caption = (page: Page) =>
  page.locator("fast-vlm").locator("[part~=text]");
const dropped = (name: string): string => join(folder, name);

test("of several dropped files, the first image is opened", async ({
  page,
  watch,
}) => {
  await page.goto("/");
  await drag(page, [dropped("one.png")], false);
  await expect(page.locator("#drop")).toHaveText(
    "Drop an image, a video or a model folder",
  );
  await drag(page, ["notes.txt", "one.png", "two.png"].map(dropped));
  await expect(page.locator("#drop")).toBeHidden();
  await expect(caption(page)).toHaveText(scene.caption);
  await expect(page.locator("#remark")).toHaveText(
    "Only the first of the 3 files was opened.",
  );
  await page.getByRole("button", { name: "DE", exact: true }).click();
  await expect(page.locator("#remark")).toHaveText(
    "Nur die erste der 3 Dateien wurde geöffnet.",
  );
  await drag(page, [dropped("two.png")]);
  await expect(page.locator("#remark")).toBeHidden();
  await expect(caption(page)).toHaveText(scene.caption);
  expect(watch.errors).toEqual([]);
});

test("a dropped text file is an error beside the samples", async ({ page }) => {
  await page.goto("/");
  await drag(page, [dropped("notes.txt")]);
  const error = page.locator("fast-vlm").locator("[part~=error]");
  await expect(error).toContainText("“notes.txt” is not an image");
  await expect(error).toBeInViewport({ ratio: 1 });
  await page.getByRole("button", { name: "A star" }).click();
  await expect(caption(page)).toHaveText(
    "A yellow star on a black background.",
  );
  await expect(error).toBeHidden();
});

test("a dropped folder is opened as a model", async ({ page, watch }) => {
  await page.goto("/");
  await expect(page.locator("#readiness")).toHaveText(/ready/);
  await drag(page, [model]);
  await expect(page.locator("#model-panel")).toHaveAttribute("open");
  await expect(page.locator("#local")).toContainText("Folder “nano”.");
  await expect(page.locator("#model-error")).toBeHidden();
  await page.getByRole("button", { name: "A star" }).click();
  await expect(caption(page)).toHaveText(
    "A yellow star on a black background.",
  );
  expect(watch.errors).toEqual([]);
});

test("a dropped folder without a model is an error in the model panel", async ({
  page,
}) => {
  await page.goto("/");
  await drag(page, [folder]);
  await expect(page.locator("#model-error")).toContainText("config.json");
  // The bundled model still answers.
  await page.getByRole("button", { name: "A star" }).click();
  await expect(caption(page)).toHaveText(
    "A yellow star on a black background.",
  );
});

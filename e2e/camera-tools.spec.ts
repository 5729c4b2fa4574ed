import type { Page } from "@playwright/test";
import {
  deskCameras,
  installCameras,
  phoneCameras,
} from "./support/cameras.ts";
import { expect, test } from "./support/test.ts";
import { violations } from "./support/violations.ts";

const caption = (page: Page) =>
  page.locator("fast-vlm").locator("[part~=text]");

/** What the last `getUserMedia` asked for. */
const lastVideo = (page: Page): Promise<unknown> =>
  page.evaluate(() => window.cameras.requests.at(-1)?.video);

const settings = (page: Page): Promise<unknown> =>
  page.evaluate(() => window.cameras.tracks.at(-1)?.getSettings());

test("a phone's cameras are switched, with torch and zoom where there are", async ({
  page,
  watch,
}) => {
  await installCameras(page, phoneCameras);
  await page.goto("/");
  await page.locator("#use-camera").click();
  await expect(caption(page)).toHaveText(
    "A blue circle on a black background.",
  );
  const switchCamera = page.getByRole("button", { name: "Switch camera" });
  const torch = page.getByRole("button", { name: "Torch" });
  const zoom = page.getByRole("slider", { name: "Zoom" });
  await expect(switchCamera).toBeVisible();
  await expect(torch).toBeHidden();
  await expect(zoom).toBeHidden();

  await switchCamera.click();
  await expect(caption(page)).toHaveText("A red circle on a black background.");
  expect(await lastVideo(page)).toMatchObject({
    facingMode: { ideal: "environment" },
  });
  await expect(switchCamera).toBeFocused();
  await expect(page).toHaveURL(/\?facing=environment$/);
  // Phones cannot open both at once.
  expect(
    await page.evaluate(() => window.cameras.tracks.map((it) => it.readyState)),
  ).toEqual(["ended", "live"]);

  await torch.click();
  await expect(torch).toHaveAttribute("aria-pressed", "true");
  await expect(caption(page)).toHaveText("A red circle on a white background.");
  await zoom.fill("2.5");
  await expect.poll(() => settings(page)).toMatchObject({ zoom: 2.5 });
  await torch.click();
  await expect(torch).toHaveAttribute("aria-pressed", "false");
  expect(await settings(page)).toMatchObject({ torch: false, zoom: 2.5 });
  expect(await violations(page)).toEqual([]);

  await switchCamera.click();
  await expect(caption(page)).toHaveText(
    "A blue circle on a black background.",
  );
  await expect(torch).toBeHidden();
  await expect(zoom).toBeHidden();
  expect(watch.errors).toEqual([]);
});

test("cameras that face nowhere are switched in turn", async ({ page }) => {
  await installCameras(page, deskCameras);
  await page.goto("/");
  await page.locator("#use-camera").click();
  await expect(caption(page)).toHaveText(
    "A green circle on a black background.",
  );
  const switchCamera = page.getByRole("button", { name: "Switch camera" });
  await switchCamera.click();
  await expect(caption(page)).toHaveText(
    "A yellow circle on a black background.",
  );
  expect(await lastVideo(page)).toMatchObject({ deviceId: { exact: "door" } });
  await switchCamera.click();
  await expect(caption(page)).toHaveText(
    "A green circle on a black background.",
  );
  expect(await lastVideo(page)).toMatchObject({ deviceId: { exact: "desk" } });
});

test("one camera is not offered to be switched", async ({ page }) => {
  await installCameras(page, phoneCameras.slice(0, 1));
  await page.goto("/");
  await page.locator("#use-camera").click();
  await expect(caption(page)).toHaveText(
    "A blue circle on a black background.",
  );
  await expect(page.locator("#switch-camera")).toBeHidden();
});

for (const [name, width, height] of [
  ["upright", 360, 640],
  ["wide", 640, 360],
] as const) {
  test(`the stage has the shape of the picture: ${name}`, async ({ page }) => {
    await installCameras(page, phoneCameras, { width, height });
    await page.goto("/");
    await page.locator("#use-camera").click();
    await expect(caption(page)).toBeVisible();
    const stage = page.locator("fast-vlm").locator("[part~=stage]");
    for (const [w, h] of [
      [390, 844],
      [844, 390],
      [1440, 900],
    ] as const) {
      await page.setViewportSize({ width: w, height: h });
      const box = await stage.boundingBox();
      expect(box).not.toBeNull();
      const ratio = (box?.width ?? 0) / (box?.height ?? 1);
      expect(ratio).toBeCloseTo(width / height, 1);
      await expect(stage).toBeInViewport({ ratio: 1 });
    }
  });
}

test("full screen and picture-in-picture end with the camera", async ({
  page,
}) => {
  await installCameras(page, phoneCameras);
  await page.goto("/");
  await page.locator("#use-camera").click();
  await expect(caption(page)).toBeVisible();
  const isFull = (): Promise<boolean> =>
    page.evaluate(() => document.fullscreenElement?.id === "stage");
  const isInPicture = (): Promise<boolean> =>
    page.evaluate(() => document.pictureInPictureElement !== null);

  const full = page.getByRole("button", { name: "Full screen" });
  await full.click();
  await expect(full).toHaveAttribute("aria-pressed", "true");
  expect(await isFull()).toBe(true);
  for (const shown of [
    caption(page),
    page.locator("#freeze"),
    page.locator("#question"),
  ]) {
    await expect(shown).toBeInViewport({ ratio: 1 });
  }
  await full.click();
  await expect(full).toHaveAttribute("aria-pressed", "false");
  expect(await isFull()).toBe(false);

  const picture = page.getByRole("button", { name: "Picture in picture" });
  await picture.click();
  await expect(picture).toHaveAttribute("aria-pressed", "true");
  expect(await isInPicture()).toBe(true);
  // The window can be closed from here as long as it is open.
  await page.getByRole("button", { name: "Freeze" }).click();
  await expect(page.getByRole("button", { name: "Resume" })).toBeVisible();
  await picture.click();
  await expect(picture).toBeHidden();
  expect(await isInPicture()).toBe(false);
  await page.getByRole("button", { name: "Resume" }).click();

  await picture.click();
  await expect(picture).toHaveAttribute("aria-pressed", "true");
  await full.click();
  await expect(full).toHaveAttribute("aria-pressed", "true");
  await page.getByRole("button", { name: "Close" }).click();
  await expect(page.locator("#use-camera")).toBeVisible();
  await expect.poll(isFull).toBe(false);
  await expect.poll(isInPicture).toBe(false);
});

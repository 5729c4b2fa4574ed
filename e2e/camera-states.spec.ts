import type { Page } from "@playwright/test";
import { installCameras, phoneCameras } from "./support/cameras.ts";
import { expect, test } from "./support/test.ts";
import { violations } from "./support/violations.ts";

const caption = (page: Page) =>
  page.locator("fast-vlm").locator("[part~=text]");
const error = (page: Page) => page.locator("fast-vlm").locator("[part~=error]");
const retry = (page: Page) =>
  page.getByRole("button", { name: "Try the camera again" });

const blue = "A blue circle on a black background.";

const trackStates = (page: Page): Promise<string[]> =>
  page.evaluate(() => window.cameras.tracks.map((it) => it.readyState));

test("while the browser asks for the camera, only “Cancel” is offered", async ({
  page,
  watch,
}) => {
  await installCameras(page, phoneCameras, { asks: true });
  await page.goto("/");
  const note = page.getByText("Allow the camera when the browser asks.");
  const useCamera = page.locator("#use-camera");
  const cancel = page.getByRole("button", { name: "Cancel" });
  await useCamera.focus();
  await page.keyboard.press("Enter");
  await expect(note).toBeVisible();
  await expect(cancel).toBeFocused();
  for (const id of [
    "freeze",
    "full-screen",
    "picture-in-picture",
    "composer",
  ]) {
    await expect(page.locator(`#${id}`)).toBeHidden();
  }
  await expect(page.getByText("The caption appears here.")).toBeHidden();
  expect(await violations(page)).toEqual([]);

  await page.keyboard.press("Enter");
  await expect(useCamera).toBeFocused();
  // The camera is allowed too late: it is turned off again.
  await page.evaluate(() => window.cameras.answer());
  await expect.poll(() => trackStates(page)).toEqual(["ended"]);
  await expect(note).toBeHidden();
  await expect(useCamera).toBeVisible();

  await page.keyboard.press("Enter");
  await expect(cancel).toBeFocused();
  await page.evaluate(() => window.cameras.answer());
  await expect(caption(page)).toHaveText(blue);
  await expect(page.getByRole("button", { name: "Freeze" })).toBeFocused();
  await expect(page.getByRole("button", { name: "Close" })).toBeVisible();
  expect(watch.errors).toEqual([]);
});

/** By the exception of `getUserMedia`. */
const failures = {
  NotReadableError: {
    code: "camera-busy",
    english: "another program may be using it",
    german: "schließe das Programm",
  },
  NotAllowedError: {
    code: "camera-denied",
    english: "Access to the camera was denied",
    german: "Zugriff auf die Kamera",
  },
  NotFoundError: {
    code: "camera-missing",
    english: "No matching camera was found",
    german: "Kamera",
  },
};

for (const [failure, { code, english, german }] of Object.entries(failures)) {
  test(`${code}: the reason stands above the samples, which work`, async ({
    page,
    watch,
  }) => {
    await installCameras(page, phoneCameras, { failure });
    await page.goto("/");
    await page.locator("#use-camera").click();
    await expect(retry(page)).toBeVisible();
    await expect(error(page)).toContainText(english);
    expect(
      await page.evaluate(
        () => document.querySelector("fast-vlm")?.error?.code,
      ),
    ).toBe(code);
    for (const [width, height] of [
      [390, 844],
      [844, 390],
      [1440, 900],
    ] as const) {
      await page.setViewportSize({ width, height });
      await expect(error(page)).toBeInViewport({ ratio: 1 });
      await expect(retry(page)).toBeInViewport({ ratio: 1 });
    }
    expect(await violations(page)).toEqual([]);

    await page.getByRole("button", { name: "DE", exact: true }).click();
    await expect(error(page)).toContainText(german);
    await expect(page.locator("#use-camera")).toHaveText(
      "Kamera erneut versuchen",
    );
    await page.getByRole("button", { name: "EN", exact: true }).click();

    await page.getByRole("button", { name: "A star" }).click();
    await expect(caption(page)).toHaveText(
      "A yellow star on a black background.",
    );
    await expect(error(page)).toBeHidden();
    await page.getByRole("button", { name: "Close" }).click();

    await page.locator("#use-camera").click();
    await expect(retry(page)).toBeVisible();
    await page.evaluate(() => (window.cameras.failure = ""));
    await retry(page).click();
    await expect(caption(page)).toHaveText(blue);
    await expect(error(page)).toBeHidden();
    expect(watch.errors).toEqual([]);
  });
}

test("a busy camera starts by itself once it is free", async ({ page }) => {
  await installCameras(page, phoneCameras, { failure: "NotReadableError" });
  await page.goto("/");
  await page.locator("#use-camera").click();
  await expect(retry(page)).toBeVisible();
  await page.evaluate(() => (window.cameras.failure = ""));
  await expect(caption(page)).toHaveText(blue);
});

test("an unplugged camera continues when it is plugged in again", async ({
  page,
}) => {
  await installCameras(page, phoneCameras);
  await page.goto("/");
  await page.locator("#use-camera").click();
  await expect(caption(page)).toHaveText(blue);
  await page.evaluate(() => window.cameras.unplug());
  await expect(error(page)).toContainText("The camera was unplugged.");
  await expect(retry(page)).toBeVisible();
  expect(await violations(page)).toEqual([]);
  await page.evaluate(() => window.cameras.plugIn());
  await expect(caption(page)).toHaveText(blue);
  await expect(page.getByRole("button", { name: "Freeze" })).toBeVisible();
});

test("a frozen frame stays when the camera is unplugged, and answers", async ({
  page,
}) => {
  await installCameras(page, phoneCameras);
  await page.goto("/");
  await page.locator("#use-camera").click();
  await expect(caption(page)).toHaveText(blue);
  await page.getByRole("button", { name: "Freeze" }).click();
  const resume = page.getByRole("button", { name: "Resume" });
  await expect(resume).toBeVisible();
  await page.evaluate(() => window.cameras.unplug());
  await expect(error(page)).toContainText("The camera was unplugged.");
  await expect(resume).toBeVisible();
  await page.locator("#question").fill("What color is the circle?");
  await page.locator("#question").press("Enter");
  await expect(page.locator(".exchange .answer")).toHaveText("Blue.");
  await resume.click();
  await expect(retry(page)).toBeVisible();
  await page.evaluate(() => window.cameras.plugIn());
  await expect(caption(page)).toHaveText(blue);
});

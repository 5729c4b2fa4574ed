import {
  cameraFlags,
  requireBrowser,
  testFlags,
} from "../tools/cli/browser.mjs";
import { clip } from "./support/paths.ts";
import { expect, test } from "./support/test.ts";

/** Without the fake permission dialog, access to the camera is denied. */
test.use({
  launchOptions: {
    executablePath: await requireBrowser(),
    args: [...testFlags, ...cameraFlags(clip, { refuse: true })],
  },
});

test("a denied camera is an error with advice beside the samples, and works once granted", async ({
  page,
  context,
}) => {
  await page.goto("/");
  await page.getByRole("button", { name: "Use my camera" }).click();
  const error = page.locator("fast-vlm").locator("[part~=error]");
  await expect(error).toContainText(/camera/i);
  await expect(error).toContainText(/allow/i);
  await expect(error).toBeInViewport({ ratio: 1 });
  const code = await page.evaluate(
    () => document.querySelector("fast-vlm")?.error?.code,
  );
  expect(code).toBe("camera-denied");
  const retry = page.getByRole("button", { name: "Try the camera again" });
  await expect(retry).toBeVisible();

  // A sample works without a camera.
  await page.getByRole("button", { name: "A star" }).click();
  await expect(page.locator("fast-vlm").locator("[part~=text]")).toHaveText(
    "A yellow star on a black background.",
  );
  await page.getByRole("button", { name: "Close" }).click();

  await page.getByRole("button", { name: "Use my camera" }).click();
  await expect(retry).toBeVisible();
  await context.grantPermissions(["camera"]);
  await expect(page.locator("#ttft")).toHaveText(/^\d+/);
  await expect(error).toBeHidden();
});

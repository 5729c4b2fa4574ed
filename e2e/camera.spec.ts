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

test("a denied camera is an error with advice, and works once granted", async ({
  page,
  context,
}) => {
  await page.goto("/");
  await page.getByRole("button", { name: "Start" }).click();
  const error = page.locator("fast-vlm").locator("[part~=error]");
  await expect(error).toContainText(/camera/i);
  await expect(error).toContainText(/allow/i);
  const code = await page.evaluate(
    () => document.querySelector("fast-vlm")?.error?.code,
  );
  expect(code).toBe("camera-denied");

  await context.grantPermissions(["camera"]);
  await expect(page.locator("#ttft")).toHaveText(/^\d+/);
  await expect(error).toBeHidden();
});

import { sent } from "./support/hub.ts";
import { testPublished } from "./support/published.ts";
import { expect } from "./support/test.ts";
import { violations } from "./support/violations.ts";

/** A small model in the published form, by the id of FastVLM-0.5B. */
const test = testPublished(["fp32", "q4"]);

test("FastVLM-0.5B is downloaded only after its licence is accepted", async ({
  page,
  hub,
  watch,
}) => {
  await page.goto(`/?${new URLSearchParams({ hub: hub.url }).toString()}`);
  await page.getByRole("button", { name: "A star" }).click();
  await page.getByRole("button", { name: /^Load FastVLM-0\.5B/ }).click();
  const report = page.locator("#model-report");
  await expect(report).toContainText(
    "Apple Machine Learning Research Model License",
  );
  await expect(page.locator("#model")).toBeFocused();
  const load = page.locator("#load-model");
  await expect(load).toBeDisabled();
  await expect(load).toHaveText(/^\s*Download model \(\d/);
  await expect(report.getByRole("link")).toHaveAttribute(
    "href",
    "https://huggingface.co/apple/FastVLM-0.5B/blob/main/LICENSE",
  );
  expect(await violations(page)).toEqual([]);
  const consent = page.locator("#consent");
  await consent.check();
  await expect(load).toBeEnabled();
  await consent.uncheck();
  await expect(load).toBeDisabled();
  // Only heads of the graphs were read.
  const before = sent(hub, "onnx/");
  await consent.check();
  await load.click();
  await expect(page.locator("#model-name")).toHaveText(/FastVLM/);
  expect(sent(hub, "onnx/")).toBeGreaterThan(before);
  await expect(page.locator("#limits")).toBeHidden();

  // The licence is accepted once.
  await page.reload();
  await expect(page.locator("#readiness")).toHaveText(/ready/);
  await expect(consent).toBeHidden();
  expect(watch.errors).toEqual([]);
});

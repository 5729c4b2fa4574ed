import type { CDPSession, Page } from "@playwright/test";
import { requireBrowser, testFlags } from "../tools/cli/browser.mjs";
import { expect, test } from "./support/test.ts";

// Playwright turns the cache off, because `goBack` does not support it.
test.use({
  launchOptions: {
    executablePath: await requireBrowser(),
    args: testFlags,
    ignoreDefaultArgs: ["--disable-back-forward-cache"],
  },
});

const star = "A yellow star on a black background.";
const caption = (page: Page) =>
  page.locator("fast-vlm").locator("[part~=text]");

const text = "document.querySelector('fast-vlm').text";

/** What a visitor sees; runs in the page. */
const shown = `({
  phase: document.body.dataset.phase,
  asked: document.getElementById("asked") !== null,
  question: document.getElementById("question").value,
  exchanges: document.querySelectorAll(".exchange").length,
  search: location.search,
})`;

/** Drops a drawn image; runs in the page. */
const openFile = `(async () => {
  const canvas = new OffscreenCanvas(256, 256);
  const context = canvas.getContext("2d");
  context.fillStyle = "white";
  context.fillRect(0, 0, 256, 256);
  context.fillStyle = "red";
  context.fillRect(78, 78, 100, 100);
  const dataTransfer = new DataTransfer();
  const type = "image/png";
  const blob = await canvas.convertToBlob({ type });
  dataTransfer.items.add(new File([blob], "square.png", { type }));
  document.body.dispatchEvent(
    new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }),
  );
})()`;

/** Leaves the page and returns, without Playwright's own navigation and evaluation:
 * they wait for ever after a return from the cache. */
async function leaveAndReturn(
  page: Page,
  opened?: CDPSession,
): Promise<CDPSession> {
  const session = opened ?? (await page.context().newCDPSession(page));
  await evaluate(session, "void (window.left = true)");
  await evaluate(session, "void location.assign('./bench.html')");
  await expect
    .poll(() => evaluate(session, "document.title"))
    .toMatch(/bench/i);
  await evaluate(session, "void history.back()");
  // Only a page from the cache keeps its variables.
  await expect.poll(() => evaluate(session, "window.left === true")).toBe(true);
  return session;
}

async function evaluate(
  session: CDPSession,
  expression: string,
): Promise<unknown> {
  const { result } = await session.send("Runtime.evaluate", {
    ...{ expression, awaitPromise: true, returnByValue: true },
  });
  return result.value as unknown;
}

test("a page from the back/forward cache captions its sample again, and shows nothing else", async ({
  page,
}) => {
  await page.goto("/");
  await page.getByRole("button", { name: "A star" }).click();
  await expect(caption(page)).toHaveText(star);
  await page.locator("#question").fill("What color is the star?");
  await page.locator("#question").press("Enter");
  await expect(page.locator(".exchange .answer")).toHaveText("Yellow.");
  await page.locator("#question").fill("Not asked yet");

  let session = await leaveAndReturn(page);
  // The worker still answers.
  await expect.poll(() => evaluate(session, text)).toBe(star);
  expect(await evaluate(session, shown)).toEqual({
    ...{ phase: "running", asked: false, question: "", exchanges: 0 },
    search: "?sample=star",
  });

  // Another image is not a part of the address.
  await evaluate(session, openFile);
  await expect
    .poll(() => evaluate(session, text))
    .toBe("A red square on a white background.");
  session = await leaveAndReturn(page, session);
  expect(await evaluate(session, text)).toBe("");
  expect(await evaluate(session, shown)).toEqual({
    ...{ phase: "start", asked: false, question: "", exchanges: 0 },
    search: "",
  });
});

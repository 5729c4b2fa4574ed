import type { Page } from "@playwright/test";
import { expect, test } from "./support/test.ts";
import { violations } from "./support/violations.ts";

const caption = (page: Page) =>
  page.locator("fast-vlm").locator("[part~=text]");

const samples = {
  "Three shapes":
    /^A purple star, a blue square and a red circle on a pink background\.$/,
  "A star": /^A yellow star on a black background\.$/,
  "A word": /^The text STOP in blue on a white background\.$/,
  "A moving clip":
    /^A (red circle on a white|green triangle on a black|blue square on a gray) background\.$/,
};

test("each sample is captioned after one click", async ({ page, watch }) => {
  await page.goto("/");
  for (const [name, text] of Object.entries(samples)) {
    await page.getByRole("button", { name }).click();
    await expect(caption(page)).toHaveText(text);
    await expect(page.locator("#ttft")).toHaveText(
      /^\d+\.\d+\ss to the first word · on your (processor|graphics card)$/,
    );
    await expect(page.locator("#limits")).toContainText(
      "nano knows coloured shapes and short printed text only.",
    );
    await page.locator("#stop").click();
    await expect(caption(page)).toBeHidden();
  }
  expect(watch.errors).toEqual([]);
  expect(watch.foreign).toEqual([]);
});

test("a double click on a sample opens it once", async ({ page }) => {
  await page.goto("/");
  await page.evaluate(() => {
    const seen: string[] = [];
    Object.assign(window, { seen });
    addEventListener("caption", (event) => {
      seen.push((event as CustomEvent<{ text: string }>).detail.text);
    });
  });
  await page.getByRole("button", { name: "A star" }).dblclick();
  await expect(caption(page)).toHaveText(samples["A star"]);
  await expect(page.getByRole("button", { name: "Close" })).toBeVisible();
  expect(await page.evaluate(() => Reflect.get(window, "seen"))).toHaveLength(
    1,
  );
});

/** Width and height in CSS pixels, and the size of the text. */
const screens = {
  desktop: [1440, 900, 100],
  phone: [390, 844, 100],
  "phone on its side": [844, 390, 100],
  "desktop at 200 % zoom": [720, 450, 100],
  "desktop with text at 200 %": [1440, 900, 200],
  "phone with text at 200 %": [390, 844, 200],
  "small phone": [320, 640, 100],
} as const;

for (const [name, [width, height, text]] of Object.entries(screens)) {
  test(`picture, caption and control are on one screen: ${name}`, async ({
    page,
  }) => {
    await page.setViewportSize({ width, height });
    for (const lang of ["en", "de"]) {
      await page.goto(`/?lang=${lang}`);
      await page.evaluate((percent) => {
        document.documentElement.style.fontSize = `${percent}%`;
      }, text);
      const overflow = (): Promise<number> =>
        page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      expect(await overflow()).toBeLessThanOrEqual(0);
      await expect(page.locator("#use-camera")).toBeInViewport({ ratio: 1 });
      await page.locator("button[data-sample=shapes]").click();
      await expect(caption(page)).toHaveText(samples["Three shapes"]);
      for (const shown of [
        page.locator("fast-vlm").locator("[part~=stage]"),
        caption(page),
        page.locator("#stop"),
      ]) {
        await expect(shown).toBeInViewport({ ratio: 1 });
      }
      expect(await overflow()).toBeLessThanOrEqual(0);
    }
  });
}

/** Values, pictures and lists that are visible without content. */
const emptyThings = (page: Page): Promise<string[]> =>
  page.evaluate(() => {
    const isEmpty = (element: Element): boolean =>
      /^[\s–-]*$/.test(element.textContent) &&
      element.querySelector("img, svg, canvas") === null;
    return (
      [...document.querySelectorAll("dd, p, ul, dl, summary, h2, h3")]
        .filter((element) => element.checkVisibility() && isEmpty(element))
        // Status regions for assistive technology.
        .filter((element) => !element.matches(".unseen"))
        .map((element) => element.outerHTML)
    );
  });

test("shows nothing empty, and does not move while it loads", async ({
  page,
}) => {
  await page.addInitScript(() => {
    const shifts: number[] = [];
    Object.assign(window, { shifts });
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        shifts.push((entry as PerformanceEntry & { value: number }).value);
      }
    }).observe({ type: "layout-shift", buffered: true });
  });
  await page.goto("/");
  await expect(page.locator("#readiness")).toHaveText(/ready/);
  const shifts = await page.evaluate(
    () => Reflect.get(window, "shifts") as number[],
  );
  expect(shifts.reduce((sum, shift) => sum + shift, 0)).toBeLessThan(0.01);
  await page.evaluate(() => {
    for (const details of document.querySelectorAll("details")) {
      details.open = true;
    }
  });
  expect(await emptyThings(page)).toEqual([]);
  await page.getByRole("button", { name: "Three shapes" }).click();
  await expect(page.locator("#ttft")).toBeVisible();
  expect(await emptyThings(page)).toEqual([]);
});

test("the address opens what it names, and wins over what is remembered", async ({
  page,
}) => {
  await page.goto("/?fit=crop");
  await page.getByRole("button", { name: "A star" }).click();
  await expect(page).toHaveURL(/\?fit=crop&sample=star$/);
  await page.getByRole("button", { name: "DE", exact: true }).click();
  await expect(page).toHaveURL(/\?fit=crop&sample=star&lang=de$/);

  // The same address shows the same.
  await page.reload();
  await expect(caption(page)).toHaveText(samples["A star"]);
  await expect(page.locator("html")).toHaveAttribute("lang", "de");

  // Without choices, the last ones are restored, and nothing is opened.
  await page.goto("/");
  await expect(page).toHaveURL(/\?fit=crop&lang=de$/);
  await expect(page.locator("#use-camera")).toBeVisible();
  expect(
    await page.evaluate(() => document.querySelector("fast-vlm")?.fit),
  ).toBe("crop");

  await page.goto("/?fit=stretch");
  expect(
    await page.evaluate(() => document.querySelector("fast-vlm")?.fit),
  ).toBe("stretch");
  // The pictures and captions are nowhere.
  const kept = await page.evaluate(() => JSON.stringify({ ...localStorage }));
  expect(kept).not.toContain("star");
});

test("choices are undone where they fail, and in the image options", async ({
  page,
}) => {
  const reset = page.getByRole("button", {
    name: "Start again with the default",
  });
  const star = page.getByRole("button", { name: "A star" });
  // The sample opens, and is shown with the error.
  await page.goto("/?size=100&sample=star");
  await expect(page.locator("body")).toHaveAttribute("data-phase", "running");
  await reset.click();
  await expect(page).toHaveURL(/\/$/);
  await star.click();
  await expect(caption(page)).toHaveText(samples["A star"]);
  await expect(reset).toBeHidden();

  await page.locator("#image-panel summary").click();
  await expect(reset).toBeHidden();
  await page.locator("#fit").selectOption("crop");
  await expect(page).toHaveURL(/\?fit=crop&sample=star$/);
  await reset.click();
  await expect(page).toHaveURL(/\/$/);
  await page.reload();
  await expect(page).toHaveURL(/\/$/);
});

test.describe("in German", () => {
  test.use({ locale: "de-AT" });

  test("the page and the element speak the visitor's language", async ({
    page,
  }) => {
    await page.goto("/");
    await expect(page.locator("#use-camera")).toHaveText(
      "Meine Kamera verwenden",
    );
    await page.getByRole("button", { name: "Drei Formen" }).click();
    await expect(page.locator("#ttft")).toHaveText(
      /^\d+,\d+\ss bis zum ersten Wort · auf deine[rm] (Prozessor|Grafikkarte)$/,
    );
    expect(await violations(page)).toEqual([]);
    await page.getByRole("button", { name: "EN", exact: true }).click();
    await expect(page.getByRole("button", { name: "Close" })).toBeVisible();
  });
});

test.describe("without JavaScript", () => {
  test.use({ javaScriptEnabled: false });

  test("the page says what it is and what it needs", async ({ page }) => {
    await page.goto("/");
    await expect(page.locator("#tagline")).toContainText(
      "nothing leaves your device",
    );
    await expect(page.locator("noscript p")).toBeVisible();
    await expect(page.locator("noscript p")).toContainText("needs JavaScript");
    await expect(page.locator("#start")).toBeHidden();
  });
});

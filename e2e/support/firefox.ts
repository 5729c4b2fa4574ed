import { launch } from "puppeteer-core";
import { firstCaption } from "./first-caption.ts";

/** Uses Firefox's fake camera without a permission prompt. */
const camera = {
  "media.navigator.streams.fake": true,
  "media.navigator.permission.disabled": true,
};

/** Uses WebDriver BiDi, since Playwright supports only its own Firefox build. */
export async function captionInFirefox(
  executablePath: string,
  url: string,
): Promise<{ text: string; troubles: string[] }> {
  const browser = await launch({
    browser: "firefox",
    executablePath,
    headless: true,
    extraPrefsFirefox: camera,
  });
  try {
    const page = await browser.newPage();
    const troubles: string[] = [];
    page.on("console", (message) => {
      if (message.type() === "error") troubles.push(message.text());
    });
    page.on("pageerror", (error) => troubles.push(String(error)));
    await page.goto(url);
    const text = page.evaluate(firstCaption);
    await page.locator("fast-vlm >>> button").click();
    return { text: await text, troubles };
  } finally {
    await browser.close();
  }
}

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { dist } from "./support/paths.ts";
import { expect, test } from "./support/test.ts";

const files = (): string[] =>
  readdirSync(dist, { recursive: true, encoding: "utf8" });

test("dist/ contains each runtime build once", () => {
  const wasm = files().filter((name) => name.endsWith(".wasm"));
  expect(wasm).toHaveLength(2);
  expect(wasm.join()).toMatch(/\.asyncify-/);
  expect(wasm.join()).toMatch(/\.jspi-/);
  for (const script of [/ort\.[^/]*\.mjs$/, /ort-wasm[^/]*\.mjs$/]) {
    expect(files().filter((name) => script.test(name))).toHaveLength(2);
  }
});

test("every file, including the worker, has the policy header", async ({
  request,
}) => {
  const worker = files().find((name) => /worker.*\.js$/.test(name));
  expect(worker).toBeDefined();
  for (const path of ["", String(worker), "models/nano/config.json", "none"]) {
    const response = await request.get(`/${path.replaceAll("\\", "/")}`);
    const headers = response.headers();
    expect(headers["content-security-policy"]).toContain("default-src 'none'");
    expect(headers["cross-origin-opener-policy"]).toBe("same-origin");
    expect(headers["cross-origin-embedder-policy"]).toBe("require-corp");
    expect(headers["x-content-type-options"]).toBe("nosniff");
    expect(response.status()).toBe(path === "none" ? 404 : 200);
  }
});

test("hashed files are immutable, and the page is revalidated", async ({
  request,
}) => {
  const hashed = files().find((name) => /^assets.*\.js$/.test(name));
  const response = await request.get(
    `/${String(hashed).replaceAll("\\", "/")}`,
  );
  expect(response.headers()["cache-control"]).toContain("immutable");
  const page = await request.get("/");
  expect(page.headers()["cache-control"]).toBe("no-cache");
  const path = join("models", "nano", "config.json").replaceAll("\\", "/");
  const model = await request.get(`/${path}`);
  expect(model.headers()["cache-control"]).toBe("no-cache");
});

test("the page is isolated, so that threads work", async ({ page, watch }) => {
  await page.goto("/");
  expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
  await page.waitForLoadState("networkidle");
  expect(watch.errors).toEqual([]);
  expect(watch.foreign).toEqual([]);
});

test("the documentation is part of the site, with links that work", async ({
  page,
  watch,
}) => {
  await page.goto("/");
  await page.getByRole("link", { name: "Documentation" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(
    "Documentation",
  );
  await page.getByRole("link", { name: "guide.md" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Guide");

  const pages = files().filter((name) => /^documents\b.*\.html$/.test(name));
  expect(pages.length).toBeGreaterThan(20);
  const broken: string[] = [];
  for (const name of pages) {
    await page.goto(`/${name.replaceAll("\\", "/")}`);
    const targets = await page
      .locator("a[href], img")
      .evaluateAll((found) =>
        found.map((one) =>
          one instanceof HTMLAnchorElement
            ? one.href
            : (one as HTMLImageElement).src,
        ),
      );
    for (const target of new Set(targets)) {
      const url = new URL(target);
      if (url.origin !== new URL(page.url()).origin) continue;
      const response = await page.request.get(url.href);
      const isKnown =
        url.hash === "" ||
        (await response.text()).includes(`id="${url.hash.slice(1)}"`);
      if (!response.ok() || !isKnown) broken.push(`${name}: ${target}`);
    }
  }
  expect(broken).toEqual([]);
  expect(watch.errors).toEqual([]);
});

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

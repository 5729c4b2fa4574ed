import { spawn, type ChildProcess } from "node:child_process";
import {
  cpSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { Page } from "@playwright/test";
import { documentedHeaders } from "../../tools/cli/docs/documents.mjs";
import { pack } from "../../tools/cli/package/pack.mjs";
import { npm } from "../../tools/cli/prepare.mjs";
import { captionOf, expectScene, serveFolder } from "../support/consumer.ts";
import { root, scratch } from "../support/paths.ts";
import { expect, test, troublesOf } from "../support/test.ts";

const reachable = npm(["ping"], { cwd: root }).ok;

let tarball: string;
let projects: string;

test.beforeAll(() => {
  if (!reachable) return;
  // Outside of this repository, so that none of its packages are found.
  projects = mkdtempSync(join(tmpdir(), "fast-vlm-"));
  tarball = pack(join(projects, "packed"));
});

test.beforeEach(() => {
  test.skip(!reachable, "The npm registry cannot be reached.");
});

test.afterAll(() => {
  if (reachable) rmSync(projects, { recursive: true, force: true });
});

for (const [name, built] of [
  ["plain", "public"],
  ["vite", "dist"],
  ["webpack", "public"],
  ["react", "dist"],
] as const) {
  test(`${name} captions under the documented policy`, async ({ page }) => {
    const project = install(name);
    run(project, "build");
    const { url, close } = await serveFolder(
      join(project, built),
      documentedHeaders(),
    );
    await expectCaption(page, name, url);
    await close();
  });
}

test("captions with the development server of Vite", async ({ page }) => {
  const project = install("vite");
  run(project, "models");
  await served(project, "node_modules/vite/bin/vite.js", ["--port"], (url) =>
    expectCaption(page, "vite-dev", url),
  );
});

test("captions after server rendering with Next", async ({ page }) => {
  const project = install("next");
  run(project, "build");
  const next = "node_modules/next/dist/bin/next";
  await served(project, next, ["start", "--port"], async (url) => {
    expect(await (await fetch(url)).text()).toContain("<fast-vlm");
    await expectCaption(page, "next", url);
    await expect(page.getByText("The last caption has")).not.toHaveText(/0/);
  });
});

/** Copies the example and adds the packed fast-vlm. @returns the folder */
function install(name: string): string {
  const project = join(projects, name);
  cpSync(join(root, "examples", name), project, {
    recursive: true,
    filter: (path) => !/node_modules|\.next$/.test(path),
  });
  const path = join(project, "package.json");
  const text = readFileSync(path, "utf8");
  const ours = /"fast-vlm": "[^"]*"/;
  expect(text).toMatch(ours);
  writeFileSync(path, text.replace(ours, `"fast-vlm": "file:${tarball}"`));
  const { ok, output } = npm(["install", "--no-audit", "--no-fund"], {
    cwd: project,
  });
  expect(ok, output).toBe(true);
  return project;
}

function run(project: string, script: string): void {
  const { ok, output } = npm(["run", script], { cwd: project });
  expect(ok, output).toBe(true);
}

/** Runs the project's own server during `use`. */
async function served(
  project: string,
  script: string,
  args: readonly string[],
  use: (url: string) => Promise<void>,
): Promise<void> {
  const { url, close } = await serveFolder(project);
  // A port that was free a moment ago.
  await close();
  const { port } = new URL(url);
  const server: ChildProcess = spawn(
    process.execPath,
    [script, ...args, port],
    { cwd: project, stdio: "ignore" },
  );
  try {
    const local = `http://localhost:${port}/`;
    while (!(await answers(local))) {
      expect(server.exitCode, "the server has ended").toBeNull();
      await wait(500);
    }
    await use(local);
  } finally {
    server.kill();
  }
}

const answers = (url: string): Promise<boolean> =>
  fetch(url).then(
    ({ ok }) => ok,
    () => false,
  );

async function expectCaption(
  page: Page,
  name: string,
  url: string,
): Promise<void> {
  const troubles = troublesOf(page);
  await page.goto(url);
  expectScene(await captionOf(page));
  expect(troubles).toEqual([]);
  await page.screenshot({ path: join(scratch, `consumer-${name}.png`) });
}

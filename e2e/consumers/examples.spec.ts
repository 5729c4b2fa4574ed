import { spawn, type ChildProcess } from "node:child_process";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { documentedHeaders } from "../../tools/cli/docs/documents.mjs";
import { serveFolder } from "../support/consumer.ts";
import { root } from "../support/paths.ts";
import { expect, expectCaption, run, test, type Packed } from "./registry.ts";

for (const [name, built] of [
  ["plain", "public"],
  ["vite", "dist"],
  ["webpack", "public"],
  ["react", "dist"],
] as const) {
  test(`${name} captions under the documented policy`, async ({
    page,
    packed,
  }) => {
    const project = install(name, packed);
    run(project, "run", "build");
    const { url, close } = await serveFolder(
      join(project, built),
      documentedHeaders(),
    );
    await expectCaption(page, name, url);
    await close();
  });
}

test("captions with the development server of Vite", async ({
  page,
  packed,
}) => {
  const project = install("vite", packed);
  run(project, "run", "models");
  await served(project, "node_modules/vite/bin/vite.js", ["--port"], (url) =>
    expectCaption(page, "vite-dev", url),
  );
});

test("captions after server rendering with Next", async ({ page, packed }) => {
  const project = install("next", packed);
  run(project, "run", "build");
  const next = "node_modules/next/dist/bin/next";
  await served(project, next, ["start", "--port"], async (url) => {
    expect(await (await fetch(url)).text()).toContain("<fast-vlm");
    await expectCaption(page, "next", url);
    await expect(page.getByText("The last caption has")).not.toHaveText(/0/);
  });
});

/** Copies the example and adds the packed fast-vlm. @returns the folder */
function install(name: string, { folder, tarball }: Packed): string {
  const project = join(folder, name);
  cpSync(join(root, "examples", name), project, {
    recursive: true,
    filter: (path) => !/node_modules|\.next$/.test(path),
  });
  const path = join(project, "package.json");
  const text = readFileSync(path, "utf8");
  const ours = /"fast-vlm": "[^"]*"/;
  expect(text).toMatch(ours);
  writeFileSync(path, text.replace(ours, `"fast-vlm": "file:${tarball}"`));
  run(project, "install", "--no-audit", "--no-fund");
  return project;
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

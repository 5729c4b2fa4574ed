import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { documentedHeaders } from "../../tools/cli/docs/documents.mjs";
import { serveFolder } from "../support/consumer.ts";
import { sampleAt } from "../support/samples.ts";
import { expect, expectCaption, run, test } from "./registry.ts";

const sample = (language: string, text: string): string =>
  sampleAt(["README.md", language, text]);

/** Runs the README's npm and npx commands that contain a text. */
function follow(folder: string, part: string, tarball: string): void {
  const commands = sample("sh", part)
    .split("\n")
    .filter((line) => /^np[mx] /.test(line));
  expect(commands).toHaveLength(2);
  for (const command of commands) {
    const [, named] = /CLONE\/(\S+)/.exec(command) ?? [];
    if (named !== undefined) expect(named).toBe(basename(tarball));
    const { status, stdout, stderr } = spawnSync(
      command.replace(/CLONE\/\S+/, tarball),
      { cwd: folder, shell: true, encoding: "utf8" },
    );
    expect(status, `${command}\n${stdout}${stderr}`).toBe(0);
  }
}

test("the README's page, in an empty folder", async ({ page, packed }) => {
  const folder = join(packed.folder, "page");
  mkdirSync(folder);
  follow(folder, "copy fast-vlm", packed.tarball);
  writeFileSync(join(folder, "index.html"), sample("html", "<fast-vlm"));
  const { url, close } = await serveFolder(folder, documentedHeaders());
  await expectCaption(page, "readme-page", url);
  await close();
});

for (const [template, language, file] of [
  ["vanilla-ts", "ts", "src/main.ts"],
  ["react-ts", "tsx", "src/App.tsx"],
] as const) {
  test(`the README's ${file}, in a new project of Vite`, async ({
    page,
    packed,
  }) => {
    const create = ["create", "-y", "vite@latest", template, "--"];
    run(packed.folder, ...create, "--template", template, "--no-interactive");
    const folder = join(packed.folder, template);
    run(folder, "install", "--no-audit", "--no-fund");
    follow(folder, "copy public/fast-vlm", packed.tarball);
    writeFileSync(join(folder, file), sample(language, file));
    run(folder, "run", "build");
    const { url, close } = await serveFolder(
      join(folder, "dist"),
      documentedHeaders(),
    );
    await expectCaption(page, template, url);
    await close();
  });
}

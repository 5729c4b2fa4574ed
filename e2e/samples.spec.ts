import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import type { Page } from "@playwright/test";
import { build } from "vite";
import {
  documentedHeaders,
  documents,
  readDocument,
  samplesOf,
} from "../tools/cli/docs/documents.mjs";
import { unpacked } from "../tools/cli/package/pack.mjs";
import {
  captionOf,
  expectScene,
  serveFolder,
  type Site,
} from "./support/consumer.ts";
import { encodePng } from "./support/png.ts";
import { draw, scenes } from "./support/scenes.ts";
import { expect, test, troublesOf } from "./support/test.ts";

/** A red circle left of a blue square: the picture that the samples ask about. */
const scene = scenes[3];
if (!scene) throw new Error("There is no fourth scene.");

/** The samples by the name of the file that they are written to; each is the first of
 * its document and language that contains a text. */
const plainPages = {
  "index.html": ["README.md", "html", "<!doctype html>"],
  "guide.html": ["docs/guide.md", "html", "<img"],
  "photo.js": ["docs/guide.md", "js", "photo.js"],
  "constraint.js": ["docs/constraints.md", "js", "responseConstraint"],
} as const;
const bundled = {
  "tag.ts": ["README.md", "ts", "fast-vlm/define"],
  "readme.ts": ["README.md", "ts", "createFastVlm"],
  "guide.ts": ["docs/guide.md", "ts", "createFastVlm"],
  "prompt-api.ts": ["docs/prompt-api.md", "ts", "LanguageModel"],
  "errors.js": ["docs/errors.md", "js", "alert"],
} as const;
const elsewhere = [
  // e2e/consumers/readme.spec.ts: React is not installed here.
  ["README.md", "tsx", "fast-vlm/react"],
  // e2e/package.spec.ts.
  ["docs/embedding.md", "html", "<iframe"],
  ["docs/embedding.md", "js", "parent.postMessage"],
  ["docs/embedding.md", "js", 'addEventListener("message"'],
  // Apple's weights cannot be downloaded here.
  ["docs/models.md", "html", "fastvlm-0.5b"],
  ["docs/models.md", "js", "acceptLicense"],
] as const;

type Place = readonly [document: string, language: string, part: string];

function sampleAt([document, language, part]: Place): string {
  const found = samplesOf(readDocument(document).text).find(
    (each) => each.language === language && each.code.includes(part),
  );
  if (!found) throw new Error(`${document} has no ${language} with ${part}.`);
  return found.code;
}

/** Lines that a sample prints, according to the comments after its console.log(…). */
function expectedLines(code: string): string[] {
  return [...code.matchAll(/console\.log\(.*\);\s*\/\/ "(.*)"$/gm)].map(
    ([, line = ""]) => line,
  );
}

const pageWith = (head: string, body: string): string =>
  `<!doctype html><html lang="en"><meta charset="utf-8">${head}${body}</html>`;

const photo = '<img src="photo.png" alt="">';

/** Opens a page, and returns the lines that it prints from then on. */
async function open(page: Page, url: string): Promise<string[]> {
  const lines: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "log") lines.push(message.text());
  });
  await page.goto(url);
  return lines;
}

/** Waits until the page has printed the expected lines of its sample, in order. */
async function expectAnswers(
  lines: readonly string[],
  place: Place,
): Promise<void> {
  const expected = expectedLines(sampleAt(place));
  expect(expected.length).toBeGreaterThan(0);
  await expect
    .poll(() => lines.filter((line) => expected.includes(line)))
    .toEqual(expected);
}

let project: string;

/** Runs the command that the README gives for this folder. */
function copyLikeReadme(folder: string): void {
  const commands = samplesOf(readDocument("README.md").text)
    .filter(({ language }) => language === "sh")
    .flatMap(({ code }) => [...code.matchAll(/^npx fast-vlm (.*?)(?: +#|$)/gm)])
    .map(([, args = ""]) => args.split(" "));
  const args = commands.find((each) => each.includes(folder));
  if (!args) throw new Error(`README.md does not copy to ${folder}.`);
  const cli = "node_modules/fast-vlm/lib/cli.mjs";
  const { status, stderr } = spawnSync(process.execPath, [cli, ...args], {
    cwd: project,
    encoding: "utf8",
  });
  expect(stderr).toBe("");
  expect(status).toBe(0);
}

test.beforeAll(() => {
  ({ project } = unpacked("samples"));
});

test("every sample is run by a test", () => {
  const places: readonly Place[] = [
    ...Object.values(plainPages),
    ...Object.values(bundled),
    ...elsewhere,
  ];
  const known = places.map(sampleAt);
  const unknown = documents().flatMap(({ path, text }) =>
    samplesOf(text)
      .filter(({ language }) => /^(html|[jt]sx?)$/.test(language))
      .filter(({ code }) => !known.includes(code))
      .map(({ line }) => `${path}:${line}`),
  );
  expect(unknown).toEqual([]);
});

test.describe("without a bundler", () => {
  let site: Site;

  test.beforeAll(async () => {
    copyLikeReadme("fast-vlm");
    for (const [name, place] of Object.entries(plainPages)) {
      const script =
        '<script type="module" src="fast-vlm/fast-vlm.js"></script>';
      const code = sampleAt(place);
      const text = name === "guide.html" ? pageWith(script, code) : code;
      writeFileSync(join(project, name), text);
    }
    const script = '<script type="module" src="constraint.js"></script>';
    const guide = sampleAt(plainPages["guide.html"]);
    writeFileSync(
      join(project, "constraint.html"),
      pageWith(
        '<script type="module" src="fast-vlm/fast-vlm.js"></script>',
        guide.replace(/<script.*<\/script>/, script),
      ),
    );
    writeFileSync(join(project, "photo.jpg"), encodePng(draw(scene, 512, 384)));
    site = await serveFolder(project, documentedHeaders());
  });

  test.afterAll(() => site.close());

  test("the README's page captions the camera", async ({ page }) => {
    const troubles = troublesOf(page);
    await page.goto(site.url);
    expectScene(await captionOf(page));
    expect(troubles).toEqual([]);
  });

  test("the guide's element describes an image and answers", async ({
    page,
  }) => {
    const troubles = troublesOf(page);
    const lines = await open(page, `${site.url}guide.html`);
    await expectAnswers(lines, plainPages["photo.js"]);
    expect(lines[0]?.replace(/ \d+ ms old$/, "")).toBe(scene.caption);
    expect(troubles).toEqual([]);
  });

  test("a regular expression constrains an answer", async ({ page }) => {
    const lines = await open(page, `${site.url}constraint.html`);
    await expectAnswers(lines, plainPages["constraint.js"]);
  });
});

test.describe("built by Vite", () => {
  let folder: string;
  let site: Site;

  test.beforeAll(async () => {
    copyLikeReadme("public/fast-vlm");
    writeFileSync(
      join(project, "public/photo.png"),
      encodePng(draw(scene, 512, 384)),
    );
    writeFileSync(join(project, "element.ts"), 'import "fast-vlm/define";\n');
    const input: string[] = [];
    for (const [name, place] of Object.entries(bundled)) {
      writeFileSync(join(project, name), sampleAt(place));
      const body =
        name === "errors.js"
          ? '<fast-vlm model="nano" source="camera"></fast-vlm>'
          : `${photo}<div id="app"></div>`;
      const scripts = name === "errors.js" ? ["element.ts", name] : [name];
      const head = scripts
        .map((src) => `<script type="module" src="/${src}"></script>`)
        .join("");
      const path = join(project, `${name}.html`);
      writeFileSync(path, pageWith(head, body));
      input.push(path);
    }
    folder = join(project, "dist");
    await build({
      root: project,
      configFile: false,
      logLevel: "error",
      build: { outDir: folder, rolldownOptions: { input } },
    });
    site = await serveFolder(folder, documentedHeaders());
  });

  test.afterAll(() => site.close());

  test("the README's element captions the camera", async ({ page }) => {
    const troubles = troublesOf(page);
    await page.goto(`${site.url}tag.ts.html`);
    expectScene(await captionOf(page));
    expect(troubles).toEqual([]);
  });

  for (const name of ["readme.ts", "prompt-api.ts"] as const) {
    test(`${name} prints the right answers`, async ({ page }) => {
      const troubles = troublesOf(page);
      const lines = await open(page, `${site.url}${name}.html`);
      await expectAnswers(lines, bundled[name]);
      expect(troubles).toEqual([]);
    });
  }

  test("the guide's session answers about an image and a camera", async ({
    page,
  }) => {
    const troubles = troublesOf(page);
    const lines = await open(page, `${site.url}guide.ts.html`);
    await expectAnswers(lines, bundled["guide.ts"]);
    // The tokens of the description, one a line.
    expect(lines.join("")).toContain(scene.caption);
    await expect
      .poll(() => lines.at(-1))
      .toMatch(/^A red circle .* background\. \d+ ms old$/);
    const [caption = ""] = lines.at(-1)?.split(/ \d+ ms old/) ?? [];
    expectScene(caption);
    expect(troubles).toEqual([]);
  });

  for (const [server, fallback] of [
    ["404", false],
    ["an HTML page", true],
  ] as const) {
    test(`a missing model is explained if the server sends ${server}`, async ({
      page,
    }) => {
      const { url, close } = await serveFolder(
        folder,
        {},
        fallback ? "tag.ts.html" : undefined,
      );
      const dialog = page.waitForEvent("dialog");
      // Ends when the dialog is closed.
      const opened = page.goto(`${url}errors.js.html`);
      const alert = await dialog;
      await alert.accept();
      await opened;
      expect(alert.message()).toContain(
        `${url}models/nano/ has no config.json. `,
      );
      expect(alert.message()).toContain("npx fast-vlm copy");
      expect(alert.message()).toContain("model-base");
      await close();
    });
  }
});

import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import type { Page } from "@playwright/test";
import { build } from "vite";
import {
  documentedHeaders,
  documents,
  samplesOf,
} from "../tools/cli/docs/documents.mjs";
import { startHub } from "../tools/cli/hub/server.mjs";
import { unpacked } from "../tools/cli/package/pack.mjs";
import {
  captionOf,
  expectScene,
  serveFolder,
  type Site,
} from "./support/consumer.ts";
import { encodePng } from "./support/png.ts";
import { firstCaption } from "./support/first-caption.ts";
import { model } from "./support/paths.ts";
import {
  copyArguments,
  expectedLines,
  sampleAt,
  type SamplePlace,
} from "./support/samples.ts";
import { draw, scenes } from "./support/scenes.ts";
import { expect, test, troublesOf } from "./support/test.ts";

/** A red circle left of a blue square: the image that the samples ask about. */
const scene = scenes[3];
if (!scene) throw new Error("There is no fourth scene.");
const photo = encodePng(draw(scene, 512, 384));

const plain = {
  page: ["README.md", "html", "<!doctype html>"],
  guide: ["docs/guide.md", "html", "<img"],
  guideScript: ["docs/guide.md", "js", "photo.js"],
  constraint: ["docs/constraints.md", "js", "responseConstraint"],
  license: ["docs/models.md", "html", "accept.js"],
  licenseScript: ["docs/models.md", "js", "acceptLicense"],
} as const;

/** By the name of the file that the sample is written to. */
const bundled = {
  "element.ts": ["README.md", "ts", "fast-vlm/define"],
  "readme.ts": ["README.md", "ts", "createFastVlm"],
  "guide.ts": ["docs/guide.md", "ts", "createFastVlm"],
  "conversation.ts": ["docs/guide.md", "ts", "conversationchange"],
  "prompt-api.ts": ["docs/prompt-api.md", "ts", "LanguageModel"],
  "errors.js": ["docs/errors.md", "js", "alert"],
} as const;

const elsewhere = [
  // Run by e2e/consumers/readme.spec.ts: a new project with React is needed.
  ["README.md", "tsx", "fast-vlm/react"],
  // Two sites are needed: e2e/package.spec.ts has such a frame.
  ["docs/embedding.md", "html", "<iframe"],
  ["docs/embedding.md", "js", "parent.postMessage"],
  ["docs/embedding.md", "js", 'addEventListener("message"'],
] as const;

let project: string;

function write(name: string, content: string | Buffer): string {
  const path = join(project, name);
  writeFileSync(path, content);
  return path;
}

const pageWith = (scripts: readonly string[], body: string): string => {
  const tags = scripts.map(
    (src) => `<script type="module" src="${src}"></script>`,
  );
  return `<!doctype html><html lang="en"><meta charset="utf-8">${tags.join("")}${body}</html>`;
};

/** Runs the README's command, which copies to this folder. */
function copyTo(folder: string): void {
  const cli = "node_modules/fast-vlm/lib/cli.mjs";
  const { status, stderr } = spawnSync(
    process.execPath,
    [cli, ...copyArguments(folder)],
    { cwd: project, encoding: "utf8" },
  );
  expect(stderr).toBe("");
  expect(status).toBe(0);
}

/** Opens a page. @returns the lines that it prints from then on */
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
  place: SamplePlace,
): Promise<void> {
  const expected = expectedLines(sampleAt(place));
  expect(expected.length).toBeGreaterThan(0);
  await expect
    .poll(() => lines.filter((line) => expected.includes(line)))
    .toEqual(expected);
}

test.beforeAll(() => {
  ({ project } = unpacked("samples"));
});

test("every sample is run by a test", () => {
  const places: readonly SamplePlace[] = [
    ...Object.values(plain),
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
    copyTo("fast-vlm");
    const bundle = ["fast-vlm/fast-vlm.js"];
    const guide = sampleAt(plain.guide);
    write("photo.jpg", photo);
    write("index.html", sampleAt(plain.page));
    write("image.html", pageWith(bundle, guide));
    write("photo.js", sampleAt(plain.guideScript));
    const other = guide.replace("photo.js", "constraint.js");
    write("constraint.html", pageWith(bundle, other));
    write("constraint.js", sampleAt(plain.constraint));
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
    const lines = await open(page, `${site.url}image.html`);
    await expectAnswers(lines, plain.guideScript);
    expect(lines[0]?.replace(/ \d+ ms old$/, "")).toBe(scene.caption);
    expect(troubles).toEqual([]);
  });

  test("a regular expression constrains an answer", async ({ page }) => {
    const lines = await open(page, `${site.url}constraint.html`);
    await expectAnswers(lines, plain.constraint);
  });

  test("the licence is accepted before any weights are downloaded", async ({
    page,
  }) => {
    // `nano` in place of Apple's weights, which cannot be downloaded here.
    const hub = await startHub({
      models: { "onnx-community/FastVLM-0.5B-ONNX": model },
    });
    const sample = sampleAt(plain.license);
    const named = sample.replace("<fast-vlm", `<fast-vlm hub="${hub.url}"`);
    write("license.html", pageWith(["fast-vlm/fast-vlm.js"], named));
    write("accept.js", sampleAt(plain.licenseScript));
    const headers = documentedHeaders();
    const policy = String(headers["Content-Security-Policy"]);
    const { url, close } = await serveFolder(project, {
      ...headers,
      "Content-Security-Policy": policy.replace(
        "https://huggingface.co",
        `${hub.url} ${hub.cdnUrl}`,
      ),
    });
    const weights = () =>
      hub.requests.filter(({ file }) => file.startsWith("onnx/"));

    const troubles = troublesOf(page);
    await page.goto(`${url}license.html`);
    expect(await captionOf(page)).toMatch(/^license-needed: /);
    expect(weights()).toEqual([]);
    const caption = page.evaluate(firstCaption);
    await page.getByRole("button", { name: "I have read and accept" }).click();
    expectScene(await caption);
    expect(weights()).not.toEqual([]);
    expect(troubles).toEqual([]);
    await close();
    await hub.close();
  });
});

test.describe("built by Vite", () => {
  let folder: string;
  let site: Site;

  test.beforeAll(async () => {
    copyTo("public/fast-vlm");
    write("public/photo.png", photo);
    for (const [name, place] of Object.entries(bundled)) {
      write(name, sampleAt(place));
    }
    write("define.ts", 'import "fast-vlm/define";\n');
    const withImage = '<img src="photo.png" alt="">';
    const withPhoto = `<img id="photo" src="photo.png" alt=""><fast-vlm for="photo" model="nano" model-base="fast-vlm"></fast-vlm>`;
    const withoutModel = '<fast-vlm model="nano" source="camera"></fast-vlm>';
    const pages = {
      element: pageWith(["/element.ts"], '<div id="app"></div>'),
      readme: pageWith(["/readme.ts"], ""),
      guide: pageWith(["/guide.ts"], withImage),
      "prompt-api": pageWith(["/prompt-api.ts"], withImage),
      conversation: pageWith(["/define.ts", "/conversation.ts"], withPhoto),
      errors: pageWith(["/define.ts", "/errors.js"], withoutModel),
    };
    const input = Object.entries(pages).map(([name, html]) =>
      write(`${name}.html`, html),
    );
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
    await page.goto(`${site.url}element.html`);
    expectScene(await captionOf(page));
    expect(troubles).toEqual([]);
  });

  for (const name of ["readme", "prompt-api"] as const) {
    test(`${name}.ts prints the right answers`, async ({ page }) => {
      const troubles = troublesOf(page);
      const lines = await open(page, `${site.url}${name}.html`);
      await expectAnswers(lines, bundled[`${name}.ts`]);
      expect(troubles).toEqual([]);
    });
  }

  test("the guide's conversation reports each question and its answer", async ({
    page,
  }) => {
    const troubles = troublesOf(page);
    const lines = await open(page, `${site.url}conversation.html`);
    await expectAnswers(lines, bundled["conversation.ts"]);
    expect(lines).toContain("How many shapes are there? Two.");
    expect(lines).toContain("Is there a red circle? Yes.");
    expect(troubles).toEqual([]);
  });

  test("the guide's session answers about an image and a camera", async ({
    page,
  }) => {
    const troubles = troublesOf(page);
    const lines = await open(page, `${site.url}guide.html`);
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
        fallback ? "element.html" : undefined,
      );
      const dialog = page.waitForEvent("dialog");
      // Ends when the dialog is closed.
      const opened = page.goto(`${url}errors.html`);
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

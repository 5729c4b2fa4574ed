import { spawnSync } from "node:child_process";
import { cpSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findFirefox } from "../tools/cli/browser.mjs";
import { documentedHeaders } from "../tools/cli/docs/documents.mjs";
import { isolationHeaders } from "../tools/cli/headers.mjs";
import { unpacked } from "../tools/cli/package/pack.mjs";
import {
  captionOf,
  expectScene,
  serveFolder,
  type Site,
} from "./support/consumer.ts";
import { askAboutSources } from "./support/every-source.ts";
import { captionInFirefox } from "./support/firefox.ts";
import { root } from "./support/paths.ts";
import { encodePng } from "./support/png.ts";
import { draw, scenes } from "./support/scenes.ts";
import { expect, test, troublesOf } from "./support/test.ts";

const headers = documentedHeaders();
const firefox = findFirefox();

const [photo] = scenes;
if (!photo) throw new Error("There are no scenes.");

let project: string;
let web: string;

test.beforeAll(() => {
  ({ project } = unpacked("package"));
  web = join(project, "node_modules/fast-vlm/lib/web");
});

test.describe("a static page", () => {
  let site: Site;
  let folder: string;

  test.beforeAll(async () => {
    folder = join(project, "plain");
    cpSync(join(root, "examples/plain/public"), folder, { recursive: true });
    cpSync(web, join(folder, "fast-vlm"), { recursive: true });
    site = await serveFolder(folder, headers);
  });

  test.afterAll(() => site.close());

  test("captions under the documented policy, without isolation", async ({
    page,
  }) => {
    const troubles = troublesOf(page);
    await page.goto(site.url);
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(false);
    expectScene(await captionOf(page));
    expect(troubles).toEqual([]);
  });

  test("captions with Trusted Types and threads", async ({ page }) => {
    const trusted = await serveFolder(folder, {
      ...isolationHeaders,
      "Content-Security-Policy": `${headers["Content-Security-Policy"]}; require-trusted-types-for 'script'; trusted-types fast-vlm lit-html default`,
    });
    const troubles = troublesOf(page);
    await page.goto(trusted.url);
    expectScene(await captionOf(page));
    const adapter = await page.evaluate(
      () => document.querySelector("fast-vlm")?.info?.adapter,
    );
    expect(adapter).toMatch(/[2-4] threads$/);
    expect(troubles).toEqual([]);
    await trusted.close();
  });

  test("an SVG is drawn only where blob: images are allowed", async ({
    page,
  }) => {
    const ask = async (url: string): Promise<string> => {
      await page.goto(url);
      return page.evaluate(async () => {
        await customElements.whenDefined("fast-vlm");
        const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"/>`;
        const source = new File([svg], "icon.svg", { type: "image/svg+xml" });
        const vlm = document.querySelector("fast-vlm");
        if (!vlm) throw new Error("The page has no <fast-vlm>.");
        return vlm.ask("Describe the image.", { source }).then(
          ({ text }) => text,
          ({ code, message, advice }: Record<string, string>) =>
            `${code}: ${message} ${advice}`,
        );
      });
    };
    const allowed = String(headers["Content-Security-Policy"]);
    expect(await ask(site.url)).toMatch(/^[A-Z].*\.$/);
    const strict = await serveFolder(folder, {
      "Content-Security-Policy": allowed.replace(
        "img-src 'self' blob:",
        "img-src 'self'",
      ),
    });
    expect(await ask(strict.url)).toMatch(
      /^bad-image: “icon\.svg” .*Content-Security-Policy.* blob: to img-src/,
    );
    await strict.close();
  });

  test("captions in Firefox, too", async () => {
    test.skip(firefox === undefined, "There is no Firefox here.");
    const { text, troubles } = await captionInFirefox(
      String(firefox),
      site.url,
    );
    expect(text).toMatch(/^[A-Z].*\.$/);
    expect(troubles).toEqual([]);
  });

  test.describe("in an iframe of another origin", () => {
    let outer: Site;

    test.beforeAll(async () => {
      const embedding = join(project, "outer");
      cpSync(join(root, "e2e/fixtures/embedding"), embedding, {
        recursive: true,
      });
      const other = site.url.replace("127.0.0.1", "localhost");
      const index = join(embedding, "index.html");
      replaceIn(index, "https://captions.example/", other);
      outer = await serveFolder(embedding);
    });

    test.afterAll(() => outer.close());

    test("captions with camera permission", async ({ page }) => {
      await page.goto(outer.url);
      const [, allowed, refused] = page.frames();
      if (!allowed || !refused) throw new Error("The frames are not there.");
      expect(await captionOf(refused)).toMatch(/^camera-denied: /);
      expectScene(await captionOf(allowed));
    });

    // The browser paints neither, and fires no animation or video frames.
    for (const [name, style] of [
      ["with display: none", "display: none"],
      ["outside of the viewport", "position: fixed; left: -9999px"],
    ] as const) {
      test(`answers ${name}`, async ({ page }) => {
        await page.goto(outer.url);
        await page
          .locator("iframe")
          .first()
          .evaluate(
            (iframe, style) => iframe.setAttribute("style", style),
            style,
          );
        const [, frame] = page.frames();
        const answers = await frame?.evaluate(askAboutSources, true);
        expect(Object.keys(answers ?? {})).toHaveLength(13);
        for (const text of Object.values(answers ?? {})) expectScene(text);
      });
    }

    test("answers in a background tab", async ({ page }) => {
      // Tabs of a headless browser are always visible.
      await page.addInitScript(() => {
        const hidden = { get: () => true };
        Object.defineProperty(Document.prototype, "hidden", hidden);
        window.requestAnimationFrame = () => 0;
        HTMLVideoElement.prototype.requestVideoFrameCallback = () => 0;
      });
      await page.goto(outer.url);
      const [, frame] = page.frames();
      const answers = await frame?.evaluate(askAboutSources, false);
      expect(Object.keys(answers ?? {})).toHaveLength(7);
      for (const text of Object.values(answers ?? {})) expectScene(text);
    });
  });
});

test.describe("the code that the demo page offers", () => {
  let site: Site;
  let folder: string;

  test.beforeAll(async () => {
    folder = join(project, "copied");
    cpSync(web, join(folder, "fast-vlm"), { recursive: true });
    // Browsers recognise it by its bytes.
    writeFileSync(join(folder, "photo.jpg"), encodePng(draw(photo, 300, 220)));
    site = await serveFolder(folder);
  });

  test.afterAll(() => site.close());

  for (const [title, sample] of [
    ["captions a camera", undefined],
    ["describes an image", "shapes"],
  ] as const) {
    test(title, async ({ page }) => {
      await page.goto("/?loading=manual");
      if (sample !== undefined) {
        await page.locator(`button[data-sample=${sample}]`).click();
        await expect(page.locator("#ttft")).toHaveText(/^\d+/);
      }
      await page.getByText("Use it on your site").click();
      const html = await page.locator("#code-html").innerText();
      const script = await page.locator("#code-script").innerText();
      const expectCaption = (text: string): void =>
        sample === undefined
          ? expectScene(text)
          : expect(text).toBe(photo.caption);

      writePage(join(folder, "tag.html"), html);
      await page.goto(`${site.url}tag.html`);
      expectCaption(await captionOf(page));

      const modules = '{ "imports": { "fast-vlm": "./fast-vlm/fast-vlm.js" } }';
      writePage(
        join(folder, "script.html"),
        `<img src="photo.jpg" alt="" />
<script type="importmap">${modules}</script>
<script type="module">${script}</script>`,
      );
      const logged = page.waitForEvent("console", {
        predicate: (message) => message.type() === "log",
      });
      await page.goto(`${site.url}script.html`);
      expectCaption((await logged).text());
    });
  }
});

test.describe("the script of another origin", () => {
  let cdn: Site;
  let folder: string;

  test.beforeAll(async () => {
    cdn = await serveFolder(web, { "Access-Control-Allow-Origin": "*" });
    folder = join(project, "other-origin");
    cpSync(join(root, "examples/other-origin"), folder, { recursive: true });
    for (const name of ["index.html", "strict.html", "worker.js"]) {
      replaceIn(join(folder, name), "https://cdn.example/", cdn.url);
    }
  });

  test.afterAll(() => cdn.close());

  /** The documented policy with additional sources. */
  const policy = (more: Readonly<Record<string, string>>): string =>
    Object.entries(more).reduce(
      (text, [directive, source]) =>
        text.replace(`${directive} 'self'`, `${directive} 'self' ${source}`),
      String(headers["Content-Security-Policy"]),
    );

  for (const [title, file, worker] of [
    ["starts its worker by a line of script", "index.html", " blob:"],
    ["starts a worker of the page's own", "strict.html", ""],
  ] as const) {
    test(title, async ({ page }) => {
      const { url, close } = await serveFolder(folder, {
        "Content-Security-Policy": policy({
          "script-src": cdn.url,
          "connect-src": cdn.url,
          "worker-src": `${cdn.url}${worker}`,
        }),
      });
      const troubles = troublesOf(page);
      await page.goto(`${url}${file}`);
      expectScene(await captionOf(page));
      expect(troubles).toEqual([]);
      await close();
    });
  }
});

test("every module can be imported in Node", () => {
  const { name, exports } = JSON.parse(
    readFileSync(join(project, "node_modules/fast-vlm/package.json"), "utf8"),
  ) as { name: string; exports: Record<string, string | object> };
  const modules = Object.keys(exports)
    .filter((path) => typeof exports[path] === "object")
    // Except files for browsers: the worker, and the bundle with Lit.
    .filter((path) => path !== "./worker" && path !== "./bundle")
    .map((path) => `${name}${path.slice(1)}`);
  expect(modules).toContain("fast-vlm/define");
  for (const module of modules) {
    const { status, stderr } = spawnSync(
      process.execPath,
      ["--input-type=module", "-e", `await import("${module}")`],
      { cwd: project, encoding: "utf8" },
    );
    expect(stderr, module).toBe("");
    expect(status, module).toBe(0);
  }
});

test("bundlers find each file that the worker names", () => {
  const code = readFileSync(join(web, "worker.js"), "utf8");
  // By whatever name: some look behind it.
  const here = ["import\\.meta\\.url"];
  for (const [, name] of code.matchAll(/(\w+) = import\.meta\.url;/g)) {
    here.push(String(name));
  }
  const based = new RegExp(`new URL\\(([^()]*), (?:${here.join("|")})\\)`, "g");
  const files = [...code.matchAll(based)].map(([, file]) => String(file));
  expect(files).toHaveLength(6);
  for (const file of files) {
    expect(file).toMatch(/^"\.\/[\w.-]+"$/);
    expect(existsSync(join(web, file.slice(1, -1))), file).toBe(true);
  }
});

test("the manifest and the editors' custom data describe the element", async ({
  page,
}) => {
  const folder = join(project, "node_modules/fast-vlm");
  const read = (name: string): unknown =>
    JSON.parse(readFileSync(join(folder, "lib", name), "utf8"));
  const { modules } = read("custom-elements.json") as {
    modules: { path: string; declarations: Declaration[] }[];
  };
  for (const { path } of modules) {
    expect(existsSync(join(folder, path)), path).toBe(true);
  }
  const element = modules
    .flatMap(({ declarations }) => declarations)
    .find(({ tagName }) => tagName === "fast-vlm");
  const named = element?.attributes?.map(({ name }) => name).sort();

  await page.goto("/");
  const observed = await page.evaluate(
    () =>
      (
        customElements.get("fast-vlm") as unknown as {
          observedAttributes: string[];
        }
      ).observedAttributes,
  );
  expect(named).toEqual(expect.arrayContaining(observed));
  const { tags } = read("vscode.html-custom-data.json") as {
    tags: { name: string; attributes: { name: string }[] }[];
  };
  expect(tags[0]?.attributes.map(({ name }) => name).sort()).toEqual(named);
});

interface Declaration {
  readonly tagName?: string;
  readonly attributes?: readonly { readonly name: string }[];
}

function writePage(path: string, body: string): void {
  writeFileSync(
    path,
    `<!doctype html>\n<html lang="en"><meta charset="utf-8" /><title>Page</title>\n${body}\n</html>`,
  );
}

function replaceIn(path: string, text: string, by: string): void {
  writeFileSync(path, readFileSync(path, "utf8").replaceAll(text, by));
}

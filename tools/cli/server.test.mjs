// @ts-check
import {
  createReadStream,
  mkdirSync,
  mkdtempSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { productionHeaders, readOrigin } from "./headers.mjs";
import { folderHandler, serve } from "./server.mjs";

/** @type {Awaited<ReturnType<typeof serve>>[]} */
const servers = [];

/** @param {Record<string, string>} files @param {number} [port] */
async function serveFiles(files, port = 0) {
  const folder = mkdtempSync(join(tmpdir(), "server-"));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(folder, name, ".."), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  const server = await serve(folder, { port });
  servers.push(server);
  return { ...server, folder };
}

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

test("takes the next port when one is busy", async () => {
  const first = await serveFiles({ "index.html": "first" });
  const port = Number(new URL(first.url).port);
  const second = await serveFiles({ "index.html": "second" }, port);
  expect(Number(new URL(second.url).port)).toBeGreaterThan(port);
  expect(await (await fetch(first.url)).text()).toBe("first");
  expect(await (await fetch(second.url)).text()).toBe("second");
});

test("sends its headers with files, mounts and errors", async () => {
  const { url, mount, folder } = await serveFiles({ "a/b.txt": "text" });
  mount("/mounted/", folderHandler(join(folder, "a")));
  mount("/broken/", () => {
    throw new Error("no such luck");
  });
  for (const [path, status] of /** @type {const} */ ([
    ["a/b.txt", 200],
    ["mounted/b.txt", 200],
    ["mounted/none", 404],
    ["none", 404],
    ["broken/x", 502],
  ])) {
    const response = await fetch(url + path);
    expect([path, response.status]).toEqual([path, status]);
    for (const [name, value] of Object.entries(productionHeaders())) {
      expect(response.headers.get(name)).toBe(value);
    }
  }
});

test("goes on when a file vanishes before it is opened", async () => {
  const { url, mount, folder } = await serveFiles({ "index.html": "page" });
  // What sirv does once it has found the file.
  mount("/vanished/", (_req, res) => {
    createReadStream(join(folder, "vanished")).pipe(res);
  });
  await expect(fetch(`${url}vanished/file`)).rejects.toThrow();
  expect(await (await fetch(url)).text()).toBe("page");
});

test("models may come from the hub, this machine and named mirrors", async () => {
  const folder = mkdtempSync(join(tmpdir(), "server-"));
  const server = await serve(folder, { allow: ["https://example.org"] });
  servers.push(server);
  const { headers } = await fetch(server.url);
  const policy = headers.get("content-security-policy") ?? "";
  const [connect = ""] = /connect-src [^;]*/.exec(policy) ?? [];
  expect(connect.split(" ").slice(1)).toEqual([
    "'self'",
    "https://huggingface.co",
    "https://*.huggingface.co",
    "https://*.hf.co",
    "http://127.0.0.1:*",
    "http://localhost:*",
    "https://example.org",
  ]);
});

test("a mirror is allowed by its origin alone", () => {
  expect(readOrigin("https://example.org/a?b")).toBe("https://example.org");
  expect(readOrigin("http://10.0.0.2:8000")).toBe("http://10.0.0.2:8000");
  for (const text of ["*", "example.org", "file:///x", "'unsafe-inline'", ""]) {
    expect(() => readOrigin(text)).toThrow(/is not an origin/);
  }
});

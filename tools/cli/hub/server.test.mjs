// @ts-check
import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { startHub } from "./server.mjs";

/** @typedef {{ sha: string, siblings: { rfilename: string }[] }} Info */

/** @type {Awaited<ReturnType<typeof startHub>>[]} */
const hubs = [];
const weights = randomBytes(300_000);
const config = '{"model_type":"llava_qwen2"}';
const sha256 = createHash("sha256").update(weights).digest("hex");
const blob = createHash("sha1")
  .update(`blob ${config.length}\0${config}`)
  .digest("hex");

async function start() {
  const folder = mkdtempSync(join(tmpdir(), "hub-"));
  mkdirSync(join(folder, "onnx"));
  writeFileSync(join(folder, "config.json"), config);
  writeFileSync(
    join(folder, "README.md"),
    "---\nlicense: other\nlicense_name: 'apple-amlr'\ntags:\n  - x\n---\nlicense: no\n",
  );
  writeFileSync(join(folder, "onnx/decoder.onnx"), weights);
  symlinkSync(folder, join(folder, "loop"));
  const hub = await startHub({ models: { "owner/name": folder } });
  hubs.push(hub);
  const files = `${hub.url}/owner/name/resolve/main`;
  return { ...hub, folder, files, weights: `${files}/onnx/decoder.onnx` };
}

/** @param {string} url @param {string} [range] */
const get = (url, range) =>
  fetch(url, { headers: range === undefined ? {} : { range } });

/** @param {string} url */
const head = (url) =>
  fetch(url, {
    ...{ method: "HEAD", redirect: "manual" },
    headers: { origin: "https://page.test" },
  });

/** @param {string} url @param {string} [range] */
async function bytesOf(url, range) {
  return Buffer.from(await (await get(url, range)).arrayBuffer());
}

/** @param {string} url @returns {Promise<unknown>} */
async function jsonOf(url) {
  return (await get(url)).json();
}

afterEach(async () => {
  await Promise.all(hubs.splice(0).map((hub) => hub.close()));
});

test("redirects a large file to a signed URL of the CDN", async () => {
  const hub = await start();
  const { status, headers } = await head(hub.weights);
  expect(status).toBe(302);
  expect(Object.fromEntries(headers)).toMatchObject({
    "x-linked-size": "300000",
    "x-linked-etag": `"${sha256}"`,
    "accept-ranges": "bytes",
    "access-control-allow-origin": "https://page.test",
    vary: "Origin",
  });
  expect(headers.get("x-repo-commit")).toMatch(/^[0-9a-f]{40}$/);
  expect(headers.get("access-control-expose-headers")).toBe(
    "X-Repo-Commit,X-Request-Id,X-Error-Code,X-Error-Message,X-Total-Count,ETag,Link,Accept-Ranges,Content-Range,X-Linked-Size,X-Linked-ETag,X-Xet-Hash",
  );
  const location = headers.get("location") ?? "";
  expect(new URL(location).origin).not.toBe(hub.url);

  const file = await head(location);
  expect(file.status).toBe(200);
  expect(Object.fromEntries(file.headers)).toMatchObject({
    "content-length": "300000",
    "accept-ranges": "bytes",
    "access-control-allow-origin": "*",
    "access-control-expose-headers": "*",
  });
  expect(file.headers.get("etag")).toMatch(/^"[0-9a-f]{64}"$/);
  expect(file.headers.get("etag")).not.toBe(`"${sha256}"`);
  expect(file.headers.has("x-repo-commit")).toBe(false);

  const next = (await head(hub.weights)).headers.get("location");
  expect(next).not.toBe(location);
  const forged = await head(location.replace(/Signature=\d+/, "Signature=9"));
  expect(forged.status).toBe(403);
});

test("redirects a small file to a path of the hub", async () => {
  const hub = await start();
  const { status, headers } = await head(`${hub.files}/config.json`);
  expect(status).toBe(307);
  expect(headers.get("etag")).toBe(`"${blob}"`);
  const location = headers.get("location") ?? "";
  expect(location).toMatch(/^\/api\/resolve-cache\/models\/owner\/name\//);
  const file = await head(hub.url + location);
  expect(file.status).toBe(200);
  expect(file.headers.get("content-type")).toMatch("text/plain");
  expect(file.headers.get("etag")).toBe(`"${blob}"`);
  expect(await (await get(`${hub.files}/config.json`)).text()).toBe(config);
});

test("the CDN refuses preflights", async () => {
  const hub = await start();
  const location = (await head(hub.weights)).headers.get("location") ?? "";
  const preflight = await fetch(location, { method: "OPTIONS" });
  expect(preflight.status).toBe(403);
  expect(preflight.headers.has("access-control-allow-origin")).toBe(false);
  expect(hub.requests.at(-1)?.method).toBe("OPTIONS");
});

test.each(
  /** @type {const} */ ([
    [undefined, 200, 0, 300_000],
    ["bytes=0-99", 206, 0, 100],
    ["bytes=100-", 206, 100, 300_000],
    ["bytes=-7", 206, 299_993, 300_000],
    ["bytes=-999999", 206, 0, 300_000],
    ["bytes=299999-400000", 206, 299_999, 300_000],
    ["bytes=0-1,5-6", 200, 0, 300_000],
    ["bytes=9-3", 200, 0, 300_000],
  ]),
)("answers the range %s with %i", async (range, status, start_, end) => {
  const hub = await start();
  const response = await get(hub.weights, range);
  expect(response.status).toBe(status);
  expect(response.headers.get("content-range")).toBe(
    status === 206 ? `bytes ${start_}-${end - 1}/300000` : null,
  );
  const bytes = Buffer.from(await response.arrayBuffer());
  expect(bytes.equals(weights.subarray(start_, end))).toBe(true);
});

test.each(["bytes=300000-", "bytes=-0"])(
  "rejects the range %s with 416",
  async (range) => {
    const hub = await start();
    const response = await get(hub.weights, range);
    expect(response.status).toBe(416);
    expect(response.headers.get("content-range")).toBe("bytes */300000");
  },
);

test("lists every file with size and hash", async () => {
  const hub = await start();
  const api = `${hub.url}/api/models/owner/name`;
  const info = /** @type {Info} */ (
    await jsonOf(`${api}/revision/main?blobs=true`)
  );
  expect(info).toMatchObject({
    id: "owner/name",
    cardData: { license: "other", license_name: "apple-amlr" },
    siblings: [
      { rfilename: "README.md" },
      { rfilename: "config.json", size: config.length, blobId: blob },
      {
        rfilename: "onnx/decoder.onnx",
        size: 300_000,
        lfs: { sha256, size: 300_000 },
      },
    ],
  });
  expect(info.siblings).toHaveLength(3);
  const plain = /** @type {Info} */ (await jsonOf(api));
  expect(plain.sha).toBe(info.sha);
  expect(plain.siblings[1]).toEqual({ rfilename: "config.json" });
});

test("changed content is a new commit, which replaces the old one", async () => {
  const hub = await start();
  const commit = async () =>
    (await get(`${hub.files}/config.json`)).headers.get("x-repo-commit");
  const before = await commit();
  expect(await commit()).toBe(before);
  const pinned = `${hub.url}/owner/name/resolve/${before}/config.json`;
  expect((await get(pinned)).status).toBe(200);
  writeFileSync(join(hub.folder, "config.json"), "{}");
  expect(await commit()).not.toBe(before);
  expect((await get(pinned)).status).toBe(404);
});

test.each(
  /** @type {const} */ ([
    ["owner/other/resolve/main/config.json", 401, "RepoNotFound"],
    ["owner/name/resolve/v2/config.json", 404, "RevisionNotFound"],
    ["owner/name/resolve/main/none.json", 404, "EntryNotFound"],
    ["owner/name/resolve/main/..%2fconfig.json", 404, "EntryNotFound"],
    ["owner/name/resolve/main/loop/config.json", 404, "EntryNotFound"],
    ["api/models/owner/other", 401, "RepoNotFound"],
    ["api/models/owner/name/revision/v2", 404, "RevisionNotFound"],
    ["owner/names/resolve/main/config.json", 401, "RepoNotFound"],
  ]),
)("answers %s with %i and %s", async (path, status, code) => {
  const hub = await start();
  const response = await get(`${hub.url}/${path}`);
  expect(response.status).toBe(status);
  expect(response.headers.get("x-error-code")).toBe(code);
  expect(await response.text()).toMatch(/^\{"error":"[^"]+"\}$/);
});

test("logs requests until the log is cleared", async () => {
  const hub = await start();
  await bytesOf(hub.weights, "bytes=10-19");
  await get(`${hub.files}/none`);
  const read = () => jsonOf(`${hub.url}/requests`);
  const range = "bytes=10-19";
  const file = "onnx/decoder.onnx";
  await expect.poll(read).toMatchObject([
    { method: "GET", file, range, status: 302, bytes: 0 },
    { method: "GET", file, range, status: 206, bytes: 10 },
    { file: "none", status: 404, bytes: 0 },
  ]);
  await fetch(`${hub.url}/requests`, { method: "DELETE" });
  expect(await read()).toEqual([]);
});

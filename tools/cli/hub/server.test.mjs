// @ts-check
import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { startHub } from "./server.mjs";

/** @typedef {import("./fake-hub.mjs").Fault} Fault */

/** @typedef {{ sha: string, siblings: { rfilename: string }[] }} Info */

/** @type {Awaited<ReturnType<typeof startHub>>[]} */
const hubs = [];
const weights = randomBytes(300_000);
const config = '{"model_type":"llava_qwen2"}';
const sha256 = createHash("sha256").update(weights).digest("hex");
const blob = createHash("sha1")
  .update(`blob ${config.length}\0${config}`)
  .digest("hex");

/** @param {Fault[]} faults */
async function start(...faults) {
  const folder = mkdtempSync(join(tmpdir(), "hub-"));
  mkdirSync(join(folder, "onnx"));
  writeFileSync(join(folder, "config.json"), config);
  writeFileSync(
    join(folder, "README.md"),
    "---\nlicense: other\nlicense_name: 'apple-amlr'\ntags:\n  - x\n---\nlicense: no\n",
  );
  writeFileSync(join(folder, "onnx/decoder.onnx"), weights);
  symlinkSync(folder, join(folder, "loop"));
  const hub = await startHub({ models: { "owner/name": folder }, faults });
  hubs.push(hub);
  const files = `${hub.url}/owner/name/resolve/main`;
  return { ...hub, folder, files, weights: `${files}/onnx/decoder.onnx` };
}

/** @param {string} url @param {string} [range] @param {string} [method] */
const get = (url, range, method = "GET") =>
  fetch(url, { method, headers: range === undefined ? {} : { range } });

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

test("HEAD returns size, hash and commit, to pages of any origin", async () => {
  const hub = await start();
  const { status, headers } = await get(hub.weights, undefined, "HEAD");
  expect(status).toBe(200);
  expect(Object.fromEntries(headers)).toMatchObject({
    "content-length": "300000",
    "x-linked-size": "300000",
    "x-linked-etag": `"${sha256}"`,
    etag: `"${sha256}"`,
    "accept-ranges": "bytes",
    "access-control-allow-origin": "*",
    "cross-origin-resource-policy": "cross-origin",
  });
  expect(headers.get("x-repo-commit")).toMatch(/^[0-9a-f]{40}$/);
  for (const name of ["X-Repo-Commit", "X-Linked-ETag", "Content-Range"]) {
    expect(headers.get("access-control-expose-headers")).toContain(name);
  }
  const small = await get(`${hub.files}/config.json`, undefined, "HEAD");
  expect(small.headers.get("etag")).toBe(`"${blob}"`);
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

test("sends the whole file when If-Range names another version", async () => {
  const hub = await start();
  for (const [etag, status] of /** @type {const} */ ([
    [`"${sha256}"`, 206],
    [`"${blob}"`, 200],
  ])) {
    const headers = { range: "bytes=5-", "if-range": etag };
    expect((await fetch(hub.weights, { headers })).status).toBe(status);
  }
});

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
  const tree = await jsonOf(`${api}/tree/main?recursive=true`);
  expect(tree).toMatchObject([
    { type: "file", path: "README.md" },
    { type: "file", path: "config.json", oid: blob },
    { type: "directory", path: "onnx" },
    { type: "file", path: "onnx/decoder.onnx", lfs: { oid: sha256 } },
  ]);
  const top = await jsonOf(`${api}/tree/${info.sha}`);
  expect(top).toHaveLength(3);
  const below = await jsonOf(`${api}/tree/main/onnx`);
  expect(below).toMatchObject([{ path: "onnx/decoder.onnx" }]);
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

test.each([
  ["owner/other/resolve/main/config.json", "RepoNotFound"],
  ["owner/name/resolve/v2/config.json", "RevisionNotFound"],
  ["owner/name/resolve/main/none.json", "EntryNotFound"],
  ["owner/name/resolve/main/..%2fconfig.json", "EntryNotFound"],
  ["owner/name/resolve/main/loop/config.json", "EntryNotFound"],
  ["api/models/owner/other", "RepoNotFound"],
  ["api/models/owner/name/revision/v2", "RevisionNotFound"],
  ["api/models/owner/name/tree/main/none", "EntryNotFound"],
  ["owner/names/resolve/main/config.json", "RepoNotFound"],
])("answers %s with 404 and %s", async (path, code) => {
  const hub = await start();
  const response = await get(`${hub.url}/${path}`);
  expect(response.status).toBe(404);
  expect(response.headers.get("x-error-code")).toBe(code);
  expect(response.headers.get("access-control-allow-origin")).toBe("*");
  expect(await response.text()).toMatch(/^\{"error":"[^"]+"\}$/);
});

test("logs requests until the log is cleared", async () => {
  const hub = await start();
  await bytesOf(hub.weights, "bytes=10-19");
  await get(`${hub.files}/none`);
  const read = () => jsonOf(`${hub.url}/requests`);
  await expect.poll(read).toMatchObject([
    {
      method: "GET",
      file: "onnx/decoder.onnx",
      range: "bytes=10-19",
      status: 206,
      bytes: 10,
    },
    { file: "none", status: 404, bytes: 0 },
  ]);
  await get(`${hub.url}/requests`, undefined, "DELETE");
  expect(await read()).toEqual([]);
});

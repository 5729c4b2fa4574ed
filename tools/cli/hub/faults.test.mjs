// @ts-check
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { checkFault, globPattern, parseFault } from "./faults.mjs";
import { startHub } from "./server.mjs";

/** @type {Awaited<ReturnType<typeof startHub>>[]} */
const hubs = [];
const size = 200_000;
const content = randomBytes(size);

/** @param {string[]} faults in the syntax of the command line */
async function start(...faults) {
  const folder = mkdtempSync(join(tmpdir(), "hub-"));
  mkdirSync(join(folder, "onnx"));
  for (const name of ["a.onnx", "b.onnx"]) {
    writeFileSync(join(folder, "onnx", name), content);
  }
  const hub = await startHub({
    models: { "owner/name": folder },
    faults: faults.map(parseFault),
  });
  hubs.push(hub);
  const files = `${hub.url}/owner/name/resolve/main/onnx`;
  return { ...hub, a: `${files}/a.onnx`, b: `${files}/b.onnx` };
}

/** The bytes that arrive, and whether the body ended without an error. @param {string} url @param {string} [range] */
async function receive(url, range) {
  const headers = range === undefined ? {} : { range };
  const response = await fetch(url, { headers });
  const parts = [];
  let whole = true;
  try {
    for await (const part of response.body ?? []) parts.push(part);
  } catch {
    whole = false;
  }
  return { response, whole, bytes: Buffer.concat(parts) };
}

/** Bytes of each body. @param {Awaited<ReturnType<typeof start>>} hub */
const sentBytes = ({ requests }) =>
  requests.filter(({ status }) => status < 300).map(({ bytes }) => bytes);

afterEach(async () => {
  await Promise.all(hubs.splice(0).map((hub) => hub.close()));
});

test("cut: breaks the connection after that many bytes, for matching files, as often as asked", async () => {
  const hub = await start("cut=70001,file=a.*,times=2");
  expect((await receive(hub.b)).whole).toBe(true);
  // A shorter body leaves the fault pending.
  expect((await receive(hub.a, "bytes=0-70000")).whole).toBe(true);
  for (const at of [0, 5]) {
    const { whole, bytes } = await receive(hub.a, `bytes=${at}-`);
    expect(whole).toBe(false);
    expect(bytes.equals(content.subarray(at, at + 70_001))).toBe(true);
  }
  expect((await receive(hub.a)).bytes.equals(content)).toBe(true);
  expect(sentBytes(hub)).toEqual([size, 70_001, 70_001, 70_001, size]);
});

test("flip: damages one byte, wherever a range begins", async () => {
  const hub = await start("flip=150000,file=a.onnx");
  const flipped = Buffer.from(content);
  flipped[150_000] = (flipped[150_000] ?? 0) ^ 0xff;
  for (const start_ of [0, 149_999, 150_000, 150_001]) {
    const { bytes } = await receive(hub.a, `bytes=${start_}-`);
    expect(bytes.equals(flipped.subarray(start_)), `${start_}`).toBe(true);
  }
  expect((await receive(hub.b)).bytes.equals(content)).toBe(true);
});

test("slow: limits the bytes per second", async () => {
  const hub = await start("slow=100000");
  const began = performance.now();
  await receive(hub.a, "bytes=0-99999");
  expect(performance.now() - began).toBeGreaterThan(700);
});

test("end: the body ends early without an error", async () => {
  const hub = await start("end=1000");
  const { whole, bytes } = await receive(hub.a);
  expect(whole).toBe(true);
  expect(bytes).toHaveLength(1000);
});

test("chunked, page and reset", async () => {
  const hub = await start("chunked,times=1");
  const chunked = await receive(hub.a, "bytes=5-9");
  expect(chunked.response.status).toBe(200);
  expect(chunked.response.headers.has("content-length")).toBe(false);
  expect(chunked.bytes.equals(content)).toBe(true);
  hub.faults.add({ kind: "page", times: 1 });
  const page = await fetch(hub.a);
  expect(page.headers.get("content-type")).toContain("text/html");
  hub.faults.add({ kind: "reset", times: 1 });
  await expect(fetch(hub.a)).rejects.toThrow();
});

test("no-ranges: sends the whole file without Accept-Ranges", async () => {
  const hub = await start("no-ranges");
  const { response, bytes } = await receive(hub.a, "bytes=5-9");
  expect(response.status).toBe(200);
  expect(response.headers.has("accept-ranges")).toBe(false);
  expect(bytes.equals(content)).toBe(true);
});

test.each([
  ["length=-5", size - 5, true],
  ["length=5", size, false],
])("%s: %i bytes arrive", async (fault, length, good) => {
  const hub = await start(fault);
  const { response, whole, bytes } = await receive(hub.a);
  const delta = Number(fault.split("=")[1]);
  expect(response.headers.get("content-length")).toBe(String(size + delta));
  expect(bytes).toHaveLength(length);
  expect(whole).toBe(good);
});

test("direct: sends the file without a redirect", async () => {
  const hub = await start("direct,file=a.onnx");
  const response = await fetch(hub.a, { redirect: "manual" });
  expect(response.status).toBe(200);
  expect(response.headers.get("x-linked-size")).toBe(String(size));
  expect((await receive(hub.a)).bytes.equals(content)).toBe(true);
});

test("expired: the CDN answers 403, and the next redirect is valid", async () => {
  const hub = await start("expired,times=1");
  const expired = await fetch(hub.a);
  expect(expired.status).toBe(403);
  expect(new URL(expired.url).origin).not.toBe(hub.url);
  expect(expired.headers.get("content-type")).toBe("application/xml");
  expect(expired.headers.get("access-control-allow-origin")).toBe("*");
  expect((await receive(hub.a)).bytes.equals(content)).toBe(true);
});

test("gated: answers 401", async () => {
  const hub = await start("gated");
  const { status, headers } = await fetch(hub.a);
  expect([status, headers.get("x-error-code")]).toEqual([401, "GatedRepo"]);
});

test("status, busy and missing answer instead of the file, once with times=1", async () => {
  const hub = await start(
    ...["status=503,times=1", "busy=7,times=1", "missing,times=1"],
  );
  const seen = [];
  for (let request = 0; request < 4; request++) {
    const { status, headers } = await fetch(hub.a, { method: "HEAD" });
    seen.push([status, headers.get("ratelimit")]);
  }
  // missing precedes the other faults.
  expect(seen).toEqual([
    [404, null],
    [503, null],
    [429, '"resolvers";r=0;t=7'],
    [200, null],
  ]);
});

test("busy: pages cannot read when the rate limit ends", async () => {
  const hub = await start("busy=7");
  const { headers } = await fetch(hub.a);
  expect(headers.get("content-type")).toContain("text/html");
  expect(headers.get("access-control-expose-headers")).not.toMatch(
    /retry-after|ratelimit|content-length/i,
  );
});

test("hang and stall wait until the client aborts", async () => {
  const hub = await start("hang,file=a.onnx", "stall=1000,file=b.onnx");
  const hanging = new AbortController();
  const answer = fetch(hub.a, { signal: hanging.signal });
  const failed = expect(answer).rejects.toThrow();
  await expect.poll(() => hub.requests).toHaveLength(1);
  hanging.abort();
  await failed;
  const stalling = new AbortController();
  const response = await fetch(hub.b, { signal: stalling.signal });
  expect(response.status).toBe(200);
  let received = 0;
  const body = async () => {
    for await (const part of response.body ?? []) {
      received += part.length;
      // The server sends no more, so reading on would never end.
      if (received === 1000) stalling.abort();
    }
  };
  await expect(body()).rejects.toThrow();
  expect(received).toBe(1000);
  const sent = hub.requests.map(({ status, bytes }) => [status, bytes]);
  expect(sent).toEqual([
    [0, 0],
    [302, 0],
    [200, 1000],
  ]);
});

test("wrong-sha and wrong-size falsify the listing, not the file", async () => {
  const hub = await start("wrong-sha,file=a.onnx", "wrong-size=-3,file=b.onnx");
  const api = `${hub.url}/api/models/owner/name/revision/main?blobs=true`;
  /** @type {unknown} */
  const info = await (await fetch(api)).json();
  const [a, b] =
    /** @type {{ siblings: { size: number, lfs: { sha256: string } }[] }} */ (
      info
    ).siblings;
  expect(a?.lfs.sha256).not.toBe(b?.lfs.sha256);
  expect([a?.size, b?.size]).toEqual([size, size - 3]);
  const head = await fetch(hub.a, { method: "HEAD", redirect: "manual" });
  expect(head.headers.get("x-linked-etag")).toBe(`"${a?.lfs.sha256}"`);
  expect((await receive(hub.a)).bytes.equals(content)).toBe(true);
  expect((await receive(hub.b)).bytes.equals(content)).toBe(true);
});

test("no-api: serves files only", async () => {
  const hub = await start("no-api");
  const { status, headers } = await fetch(`${hub.url}/api/models/owner/name`);
  expect(status).toBe(404);
  // It does not claim that the model is missing.
  expect(headers.has("x-error-code")).toBe(false);
  expect((await fetch(hub.a)).status).toBe(200);
});

test("adds, lists and clears faults at run time", async () => {
  const hub = await start();
  /** @param {unknown} faults */
  const post = (faults) =>
    fetch(`${hub.url}/faults`, {
      method: "POST",
      body: JSON.stringify(faults),
    });
  const fault = { kind: "status", value: 500, times: 3 };
  expect(await (await post([fault])).json()).toEqual([fault]);
  expect((await fetch(hub.a)).status).toBe(500);
  const left = await fetch(`${hub.url}/faults`);
  expect(await left.json()).toEqual([{ ...fault, times: 2 }]);
  expect((await post({ kind: "nothing" })).status).toBe(400);
  await fetch(`${hub.url}/faults`, { method: "DELETE" });
  expect((await fetch(hub.a)).status).toBe(200);
});

test.each([
  [{}],
  [{ kind: "cut" }],
  [{ kind: "cut", value: -1 }],
  [{ kind: "cut", value: "many" }],
  [{ kind: "hang", value: 1 }],
  [{ kind: "expired", value: 1 }],
  [{ kind: "status", value: 200 }],
  [{ kind: "cut", value: 1, times: 0 }],
  [{ kind: "cut", value: 1, often: 1 }],
  [null],
])("rejects the fault %j", (given) => {
  expect(() => checkFault(given)).toThrow(/\w/);
});

test.each([
  ["*.onnx", "onnx/a.onnx", true],
  ["a.onnx", "onnx/a.onnx", true],
  ["onnx/*", "onnx/a.onnx", true],
  ["*/x", "a/b/x", false],
  ["**/x", "a/b/x", true],
  ["**/x", "x", true],
  ["**", "a/b", true],
  ["a?onnx", "a.onnx", true],
  ["a.onnx", "a-onnx", false],
  ["a.onnx", "ba.onnx", false],
  ["api/**", "api/revision/main", true],
])("%s against %s: %s", (glob, path, matches) => {
  expect(globPattern(glob).test(path)).toBe(matches);
});

import { afterEach, expect, test, vi } from "vitest";
import { fetchFiles } from "./fetch";

const folder = "https://models.test/nano/";

type Reply = Response | Error;

/** Answers by file name; anything else is not there. */
function serve(files: Record<string, () => Reply>) {
  const spy = vi.fn(async (input: URL, init: RequestInit) => {
    await Promise.resolve();
    init.signal?.throwIfAborted();
    const name = input.href.slice(folder.length);
    const reply = files[name]?.() ?? new Response("", { status: 404 });
    if (reply instanceof Error) throw reply;
    return reply;
  });
  vi.stubGlobal("fetch", spy);
  return spy;
}

afterEach(() => {
  vi.unstubAllGlobals();
});

function body(text: string, length = text.length): () => Response {
  const headers = { "content-length": String(length) };
  return () => new Response(text, { headers });
}

const get = (
  files: string[],
  signal = new AbortController().signal,
  onProgress = (): void => undefined,
) => fetchFiles(folder, files, signal, onProgress);

test("files come whole, with progress over all of them", async () => {
  serve({ a: body("aaaa"), "onnx/b": body("bb") });
  const seen: [number, number][] = [];
  const { signal } = new AbortController();
  const files = await fetchFiles(folder, ["a", "onnx/b"], signal, (...p) => {
    seen.push(p);
  });
  expect(new TextDecoder().decode(files.get("onnx/b"))).toBe("bb");
  expect(seen.at(-1)).toEqual([6, 6]);
  expect(seen[0]).toEqual([0, 0]);
});

test("a size that is not told leaves the total unknown", async () => {
  serve({ a: () => new Response("aaaa") });
  const seen: number[] = [];
  const { signal } = new AbortController();
  await fetchFiles(folder, ["a"], signal, (_, total) => {
    seen.push(total);
  });
  expect(seen.at(-1)).toBe(0);
});

test("a missing file is named", async () => {
  serve({ a: body("a") });
  await expect(get(["a", "b.json"])).rejects.toMatchObject({
    code: "model-file-missing",
    message: expect.stringContaining("b.json") as string,
  });
});

test("a page in place of a file is a missing file", async () => {
  const headers = { "content-type": "text/html; charset=utf-8" };
  serve({ a: () => new Response("<!doctype html>", { headers }) });
  await expect(get(["a"])).rejects.toMatchObject({
    code: "model-file-missing",
  });
});

test("a cut file is named", async () => {
  serve({ "onnx/a": body("short", 100) });
  await expect(get(["onnx/a"])).rejects.toMatchObject({
    code: "model-corrupt",
    message: expect.stringContaining("onnx/a") as string,
  });
});

test("a server's error or a broken line is a failed download", async () => {
  serve({
    a: () => new Response("", { status: 503 }),
    b: () => new TypeError("network"),
  });
  for (const file of ["a", "b"]) {
    await expect(get([file])).rejects.toMatchObject({
      code: "download-failed",
    });
  }
});

test("stopping it is not a failure of the download", async () => {
  serve({ a: body("a") });
  const controller = new AbortController();
  const files = get(["a"], controller.signal);
  controller.abort();
  await expect(files).rejects.toMatchObject({ code: "aborted" });
});

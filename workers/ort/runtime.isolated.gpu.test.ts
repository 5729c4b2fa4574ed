import { afterEach, expect, test, vi } from "vitest";
import { beginOrt, loadOrt, WASM_BYTES } from "./runtime";

afterEach(() => vi.unstubAllGlobals());

test("starts again after a failed download, and counts its bytes", async () => {
  const { fetch } = globalThis;
  const broken = new ReadableStream({
    pull: (controller) => controller.error(new TypeError("cut off")),
  });
  const headers = { "content-type": "application/wasm" };
  // The body breaks off; ONNX Runtime then tries once more itself.
  const answers = [
    () => Promise.resolve(new Response(broken, { headers })),
    () => Promise.reject(new TypeError("offline")),
  ];
  vi.stubGlobal("fetch", (input: string, init?: RequestInit) => {
    const isWasm = String(input).endsWith(".wasm");
    const answer = isWasm ? answers.shift() : undefined;
    return answer?.() ?? fetch(input, init);
  });
  await expect(loadOrt()).rejects.toMatchObject({ code: "download-failed" });
  expect(answers, "both requests were made").toEqual([]);

  const download = beginOrt();
  const counted: number[] = [];
  if (download) {
    download.onBytes = () => counted.push(download.loaded);
  }
  const { InferenceSession } = await loadOrt();
  expect(InferenceSession).toBeDefined();
  expect(counted).toEqual(counted.toSorted((a, b) => a - b));
  await expect.poll(() => counted.at(-1)).toBe(WASM_BYTES.jspi);
  expect(beginOrt(), "it is loaded").toBeUndefined();
});

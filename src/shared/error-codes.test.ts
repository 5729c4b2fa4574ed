import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { errorCodes, type ErrorCode } from "./errors";

/** A test that provokes the failure itself: its file, and its name. */
const provoked: Readonly<Record<ErrorCode, readonly [string, string]>> = {
  aborted: [
    "src/runtime/request-queue.test.ts",
    "a job aborted before its turn is not run, and rejects at once",
  ],
  "bad-image": [
    "src/capture/decode-image.browser.test.ts",
    "%s is bad-image, with advice",
  ],
  "bad-option": [
    "src/session/create-fast-vlm.browser.test.ts",
    "of nonsense is refused, and what is broken is told",
  ],
  "camera-busy": [
    "src/capture/capture.browser.test.ts",
    "retries a busy camera until it is free",
  ],
  "camera-denied": [
    "src/capture/capture.browser.test.ts",
    "distinguishes a camera that a policy forbids from a denied one",
  ],
  "camera-missing": [
    "src/capture/capture.browser.test.ts",
    "reports an unplugged camera and resumes when it is plugged in",
  ],
  "device-lost": [
    "workers/api.gpu.test.ts",
    "a lost device: typed error, an event, and a load that works again",
  ],
  "download-failed": [
    "workers/store/store.test.ts",
    "a server that stays broken ends it; what came stays",
  ],
  internal: [
    "workers/backends/webgpu/loss.gpu.test.ts",
    "a fault on the GPU fails one answer, not the next",
  ],
  "license-needed": [
    "src/session/create-fast-vlm.browser.test.ts",
    "needs consent where the licence does",
  ],
  "model-corrupt": [
    "workers/store/store.test.ts",
    "a damaged file is named; what was checked stays",
  ],
  "model-file-missing": [
    "workers/store/local-folder.test.ts",
    "a file that is not there is named",
  ],
  "model-mismatch": [
    "workers/model-files/config.test.ts",
    "a field that is missing or wrong is named",
  ],
  "not-loaded": [
    "src/runtime/worker-handle.browser.test.ts",
    "frames are closed, whatever happens",
  ],
  offline: [
    "workers/store/store.test.ts",
    "a network that is lost is told; later it goes on",
  ],
  "out-of-memory": [
    "workers/ort/session-errors.gpu.test.ts",
    "more weights than WebAssembly can address",
  ],
  "prompt-too-long": [
    "workers/stages/prompt.test.ts",
    "there must be room for one token of the answer",
  ],
  "screen-denied": [
    "src/capture/capture.browser.test.ts",
    "rejects with screen-denied when no screen is shared",
  ],
  "storage-full": [
    "workers/store/keeping.test.ts",
    "too little room is told before a byte comes",
  ],
  unsupported: [
    "src/models/resolve.browser.test.ts",
    "nobody publishes fastvlm-%s",
  ],
  "video-unreadable": [
    "src/capture/capture.browser.test.ts",
    "rejects with video-unreadable for a file that is not a video",
  ],
  "webgpu-unavailable": [
    "workers/ort/adapter.test.ts",
    "no adapter: WASM with a reason, or an error when asked by name",
  ],
  "worker-died": [
    "src/runtime/worker-client.browser.test.ts",
    "a real one that throws, and one that does not start",
  ],
};

const read = (path: string): string => readFileSync(path, "utf8");

/** From its `test` to the next one. */
function testNamed(source: string, name: string): string {
  const blocks = source.split(/^(?=\s*test[(.])/m);
  return blocks.find((block) => block.includes(name)) ?? "";
}

const sources = ["src", "workers"]
  .flatMap((folder) =>
    readdirSync(folder, { encoding: "utf8", recursive: true })
      .filter((path) => /\.ts$/.test(path))
      .filter((path) => !/\.test\.ts$|testing[\\/]/.test(path))
      .map((path) => read(`${folder}/${path}`)),
  )
  .join("\n");

const documented = new Map(
  [...read("docs/errors.md").matchAll(/^\| `([\w-]+)` *\|(.+)\|(.+)\|$/gm)].map(
    ([, code = "", means = "", advice = ""]) =>
      [code, [means.trim(), advice.trim()]] as const,
  ),
);

describe.each(errorCodes)("%s", (code) => {
  test("is thrown somewhere", () => {
    expect(sources).toMatch(new RegExp(`new VlmError\\(\\s*"${code}",`));
  });

  test("is provoked by a test", () => {
    const [file, name] = provoked[code];
    const found = testNamed(read(file), name);
    expect(found, `${name}, in ${file}`).toContain(`"${code}"`);
    expect(found).not.toMatch(/^\s*test\.(skip|todo|fails)/);
  });

  test("is documented: when it comes, and what to do", () => {
    const cells = documented.get(code);
    expect(cells).toHaveLength(2);
    for (const cell of cells ?? []) expect(cell).toMatch(/\w{3}/);
  });
});

test("the documents know no other code", () => {
  expect([...documented.keys()]).toEqual([...errorCodes]);
});

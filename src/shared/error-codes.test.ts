import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { errorCodes, type ErrorCode } from "./errors";

/** A test file that provokes the failure itself, without a fake that throws it. */
const provoked: Readonly<Record<ErrorCode, string>> = {
  aborted: "src/runtime/request-queue.test.ts",
  "bad-image": "src/capture/decode-image.browser.test.ts",
  "bad-option": "src/session/create-fast-vlm.browser.test.ts",
  "camera-busy": "src/capture/capture.browser.test.ts",
  "camera-denied": "src/capture/capture.browser.test.ts",
  "camera-missing": "src/capture/capture.browser.test.ts",
  "device-lost": "workers/api.gpu.test.ts",
  "download-failed": "workers/store/store.test.ts",
  internal: "workers/backends/webgpu/loss.gpu.test.ts",
  "license-needed": "src/session/create-fast-vlm.browser.test.ts",
  "model-corrupt": "workers/store/store.test.ts",
  "model-file-missing": "workers/store/local-folder.test.ts",
  "model-mismatch": "workers/model-files/config.test.ts",
  "not-loaded": "src/runtime/worker-handle.browser.test.ts",
  offline: "workers/store/store.test.ts",
  "out-of-memory": "workers/ort/session-errors.gpu.test.ts",
  "prompt-too-long": "workers/stages/prompt.test.ts",
  "screen-denied": "src/capture/capture.browser.test.ts",
  "storage-full": "workers/store/keeping.test.ts",
  unsupported: "src/models/resolve.browser.test.ts",
  "video-unreadable": "src/capture/capture.browser.test.ts",
  "webgpu-unavailable": "workers/ort/adapter.test.ts",
  "worker-died": "src/runtime/worker-client.browser.test.ts",
};

const read = (path: string): string => readFileSync(path, "utf8");

/** The tests of a file that run. */
function testsOf(source: string): string[] {
  const blocks = source.split(/^(?=\s*test[(.])/m).slice(1);
  return blocks.filter((test) => !/^\s*test\.(skip|todo|fails)/.test(test));
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
    const file = provoked[code];
    const tests = testsOf(read(file));
    const found = tests.some((test) => test.includes(`"${code}"`));
    expect(found, file).toBe(true);
  });

  test("is documented with its cause and remedy", () => {
    const cells = documented.get(code);
    expect(cells).toHaveLength(2);
    for (const cell of cells ?? []) expect(cell).toMatch(/\w{3}/);
  });
});

test("docs/errors.md lists exactly these codes", () => {
  expect([...documented.keys()]).toEqual([...errorCodes]);
});

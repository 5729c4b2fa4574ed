import { expect, test } from "vitest";
import { loadModel } from "../../loading/load";
import { generate } from "../../pipeline";
import { loadOptions, options, testImage } from "../../testing/harness";

const { signal } = new AbortController();
const url = new URL("/models/nano/", location.href).href;
const model = { kind: "url", url } as const;

/** The answer about an image, and the backend that gave it. */
async function answerOn(backend: "auto" | "ort") {
  const how = { ...loadOptions, model, backend };
  const loaded = await loadModel(how, signal, () => undefined);
  const { info } = loaded;
  const said = await generate(
    loaded,
    [await testImage()],
    { ...options, size: info.size },
    signal,
    () => undefined,
  );
  await loaded.release();
  return { info, tokenIds: said.tokenIds };
}

test("opens the bundled model without ONNX Runtime, and gives the same answer", async () => {
  const ours = await answerOn("auto");
  expect(ours.info).toMatchObject({ backend: "wasm", device: "wasm" });
  expect(ours.info).not.toHaveProperty("backendReason");
  expect(ours.info.memory.wasm).toBeGreaterThan(ours.info.bytes);
  const requests = performance.getEntriesByType("resource");
  const runtime = requests.filter(({ name }) => /ort-wasm.*\.wasm$/.test(name));
  expect(runtime).toEqual([]);
  const reference = await answerOn("ort");
  expect(ours.tokenIds).toEqual(reference.tokenIds);
});

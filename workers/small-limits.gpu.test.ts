import { afterEach, expect, test, vi } from "vitest";
import { detectHardware } from "./loading/hardware";
import { loadModel } from "./loading/load";
import { answerTestImage } from "./loading/verification";
import { loadOptions, microOfSize } from "./testing/harness";
import { limitAdapters } from "./testing/limited-adapter";

const never = new AbortController().signal;
const LIMIT = 128 * 2 ** 20;

afterEach(() => {
  vi.restoreAllMocks();
});

// small-limits.long.gpu.test.ts has a model that needs larger buffers.
test("devices are created with the limits of the adapter", async () => {
  limitAdapters({ maxStorageBufferBindingSize: LIMIT });
  const { largestBuffer, largestWeight } = await detectHardware("webgpu");
  expect(largestBuffer).toBe(LIMIT);
  expect(largestWeight).toBeGreaterThan(LIMIT);
  const answerOn = async (device: "wasm" | "webgpu") => {
    const options = { ...loadOptions, model: await microOfSize(64), device };
    const model = await loadModel(options, never, () => undefined);
    const limits = model.tensors.gpu?.device.limits;
    expect(limits?.maxStorageBufferBindingSize).toBe(
      device === "webgpu" ? LIMIT : undefined,
    );
    const tokens = await answerTestImage(model, 64, never);
    await model.release();
    return tokens;
  };
  expect(await answerOn("webgpu")).toEqual(await answerOn("wasm"));
});

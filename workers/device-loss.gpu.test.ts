import { afterAll, expect, test, vi } from "vitest";
import type { LoadOptions } from "../src/shared/protocol";
import { Api } from "./api";
import { Gpu } from "./ort/device";
import {
  failsWith,
  loadOptions,
  microOfSize,
  options,
  testImage,
} from "./testing/harness";
import { breakSubmit, loseAt, skipTrials } from "./testing/on-gpu";

// The reference's tokens are computed in the first load only.
vi.mock("./loading/verification-cache", async (original) => ({
  ...(await original<object>()),
  verificationKey: () => Promise.resolve("device loss"),
}));

const size = 64;
const webgpu: LoadOptions = {
  ...loadOptions,
  model: await microOfSize(size),
  device: "webgpu",
  backend: "auto",
};

// eslint-disable-next-line @typescript-eslint/unbound-method -- called on its own this below
const { requestDevice } = GPUAdapter.prototype;
vi.spyOn(GPUAdapter.prototype, "requestDevice").mockImplementation(
  async function (this: GPUAdapter, descriptor) {
    const device = await requestDevice.call(this, descriptor);
    await skipTrials(device);
    return device;
  },
);

/** Of the device in use. */
const checks = vi.spyOn(Gpu.prototype, "check");

const api = new Api();
/** The model's answer about the image. */
let tokens: readonly number[] | undefined;

afterAll(() => api.dispose());

/** Loads a model, which must give the same answer as those before it. */
async function load(): Promise<Gpu> {
  expect(await api.load(webgpu)).toMatchObject({ backend: "webgpu" });
  const { tokenIds } = await ask("before");
  expect(tokenIds).toEqual((tokens ??= tokenIds));
  return checks.mock.contexts.at(-1) as Gpu;
}

const ask = async (name: string) =>
  api.generate(1, [await testImage()], { ...options, size, imageIds: [name] });

test.each(["encode", "prefill", "decode"])(
  "a device lost during %s fails requests until the next load",
  async (stage) => {
    const lost = failsWith("device-lost", "GPU was lost");
    loseAt(await load(), stage);
    await expect(ask(stage)).rejects.toEqual(lost);
    await expect(ask("before")).rejects.toEqual(lost);
  },
);

test("encodes an image again after the GPU failed to encode it", async () => {
  breakSubmit(await load(), "encode");
  await expect(ask("broken")).rejects.toEqual(failsWith("internal", "WebGPU"));
  expect(await ask("broken")).toMatchObject({ tokenIds: tokens, reused: 0 });
  expect(await ask("broken")).toMatchObject({ tokenIds: tokens, reused: 1 });
});

import { afterAll, expect, test, vi } from "vitest";
import type { LoadOptions } from "../src/shared/protocol";
import { Api } from "./api";
import { Gpu } from "./ort/device";
import {
  event,
  failsWith,
  listen,
  loadOptions,
  microOfSize,
  options,
  testImage,
} from "./testing/harness";
import { breakSubmit, loseAt, openWithoutTrials } from "./testing/on-gpu";

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

openWithoutTrials();

/** Of the device in use. */
const checks = vi.spyOn(Gpu.prototype, "check");

const api = new Api();
/** The model's answer about the image. */
let tokens: readonly number[] | undefined;

afterAll(() => api.dispose());

/** Loads a model, which must give the same answer as those before it. */
async function load(): Promise<Gpu> {
  const events = listen(api);
  let info = await api.load(webgpu);
  if (info.backend === "ort") {
    // Answers until the WebGPU backend is verified.
    const changed = await event(events, "backend");
    if (changed.type === "backend") ({ info } = changed);
  }
  expect(info).toMatchObject({ backend: "webgpu" });
  const { tokenIds } = await ask("before");
  expect(tokenIds).toEqual((tokens ??= tokenIds));
  return checks.mock.contexts.at(-1) as Gpu;
}

const ask = async (name: string) =>
  api.generate(1, [await testImage()], { ...options, size, imageIds: [name] });

// backends/webgpu/loss.gpu.test.ts has the other stages.
test("a device lost during an answer fails requests until the next load", async () => {
  const lost = failsWith("device-lost", "GPU was lost");
  loseAt(await load(), "decode");
  await expect(ask("lost")).rejects.toEqual(lost);
  await expect(ask("before")).rejects.toEqual(lost);
});

test("encodes an image again after the GPU failed to encode it", async () => {
  breakSubmit(await load(), "encode");
  await expect(ask("broken")).rejects.toEqual(failsWith("internal", "WebGPU"));
  expect(await ask("broken")).toMatchObject({ tokenIds: tokens, reused: 0 });
  expect(await ask("broken")).toMatchObject({ tokenIds: tokens, reused: 1 });
});

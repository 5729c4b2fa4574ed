import { expect, test } from "vitest";
import type { GenerateOptions } from "../src/shared/protocol";
import { loadModel } from "./loading/load";
import type { LoadedModel } from "./loading/loaded-model";
import { generate } from "./pipeline";
import {
  loadOptions,
  options,
  testImage,
  imageQuestion,
} from "./testing/harness";

/** Kinds of request, in turn. None uses a cached image. */
const kinds: readonly Partial<GenerateOptions>[] = [
  { draft: true },
  { messages: imageQuestion("What else?") },
  { sampling: { ...options.sampling, temperature: 1, topK: 9, seed: 3 } },
  { fit: "stretch" },
  { gate: 0.001 },
];

/** Asks about so many frames; every sixth is stopped when it has been seen. */
async function feed(model: LoadedModel, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const controller = new AbortController();
    const asked = { ...options, ...kinds[i % kinds.length], size: 64 };
    const stop = i % 6 === 5;
    await generate(
      model,
      [await testImage(1 + (i % 40))],
      { ...asked, maxTokens: 4 },
      controller.signal,
      ({ type }) => {
        if (stop && type === "image") controller.abort();
      },
    );
  }
}

/** Has `see` look at what a method of a type gives, and at whose it is. */
function tap(
  { prototype }: { readonly prototype: object },
  method: string,
  see: (result: unknown, owner: object) => void,
): void {
  const original = Reflect.get(prototype, method) as CallableFunction;
  Reflect.set(prototype, method, function (this: object, ...given: unknown[]) {
    const result: unknown = Reflect.apply(original, this, given);
    see(result, this);
    return result;
  });
}

/** Buffers and textures alive, and how often something was made that lives on
 * until it is collected. */
function watchGpu(): () => { alive: number; made: number } {
  const alive = new Set<unknown>();
  let made = 0;
  for (const method of ["createBuffer", "createTexture"]) {
    tap(GPUDevice, method, (one) => alive.add(one));
  }
  for (const type of [GPUBuffer, GPUTexture]) {
    tap(type, "destroy", (_, one) => alive.delete(one));
  }
  for (const method of ["createComputePipeline", "createShaderModule"]) {
    tap(GPUDevice, method, () => void (made += 1));
  }
  return () => ({ alive: alive.size, made });
}

test("GPU memory does not grow over hundreds of frames", async () => {
  const read = watchGpu();
  const model = await loadModel(
    { ...loadOptions, device: "webgpu", backend: "auto" },
    new AbortController().signal,
    () => undefined,
  );
  const held = () => ({ ...read(), bytes: model.gpu?.bytes.now });
  try {
    expect(model.info.backend).toBe("webgpu");
    await feed(model, 60);
    const before = held();
    await feed(model, 240);
    expect(held()).toEqual(before);
  } finally {
    await model.release();
  }
}, 600_000);

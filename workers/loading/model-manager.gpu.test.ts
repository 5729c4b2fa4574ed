import { beforeEach, describe, expect, test, vi } from "vitest";
import type { Api } from "../api";
import {
  failsWith,
  half,
  micro,
  options,
  other,
  pickFolder,
  testImage,
  withNaNWeights,
  type Change,
} from "../testing/harness";
import { DECODER, VISION, useLoadedApi } from "../testing/loaded-api";

let api: Api;

useLoadedApi((fresh) => {
  api = fresh;
});

const load = async (
  changes: Record<string, Change> = {},
  folder = micro,
  device: "wasm" | "webgpu" = "wasm",
) =>
  api.load({
    model: await pickFolder(folder, changes),
    device,
    dtype: "auto",
    backend: "ort",
  });

/** The phases that a load reports. */
function phases(): string[] {
  const seen: string[] = [];
  api.onEvent = ({ event }) => {
    if (event.type === "progress") seen.push(event.phase);
  };
  return seen;
}

describe("without memory for two models", () => {
  beforeEach(() => {
    vi.stubGlobal("navigator", {
      hardwareConcurrency: 1,
      storage: navigator.storage,
      locks: navigator.locks,
      onLine: true,
      deviceMemory: 1e-6,
    });
  });

  test("unloads the old model before the new one opens", async () => {
    expect((await load({}, other)).name).toBe("other");
  });

  test("a request during the load waits for the new model", async () => {
    const loading = load({}, other);
    const seen = phases();
    while (!seen.includes("preparing")) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    const asked = api.generate(1, [await testImage()], options);
    expect((await asked).tokenIds).toHaveLength(12);
    expect((await loading).name).toBe("other");
  });

  test("loads the old model again if the new one fails", async () => {
    await expect(load({ [DECODER]: withNaNWeights(256) })).rejects.toEqual(
      failsWith(
        "model-corrupt",
        ...[
          "decoder",
          "NaN",
          "micro was unloaded to make room",
          "loaded again",
        ],
      ),
    );
  });

  test("loads the old model again if the load is aborted", async () => {
    let stopped = false;
    api.onEvent = ({ event }) => {
      const warming = event.type === "progress" && event.phase === "warming";
      if (warming && !stopped) api.abortLoad();
      stopped ||= warming;
    };
    await expect(load({}, other)).rejects.toEqual(
      failsWith("aborted", "loaded again"),
    );
  });

  test("keeps the old model when checks of the files fail", async () => {
    const seen = phases();
    const cut: Change = (bytes) => bytes.slice(0, -1);
    await expect(load({ [DECODER]: cut })).rejects.toEqual(
      failsWith("model-corrupt", DECODER),
    );
    expect(seen).not.toContain("preparing");
  });
});

describe("when the GPU is out of memory", () => {
  /** At its own 256, the software adapter takes seconds. */
  const small = { "preprocessor_config.json": () => '{ "size": 64 }' };

  /** Reports out-of-memory on the newest device at the next `count` times that
   * sessions are created. */
  function fill(count: number): void {
    // eslint-disable-next-line @typescript-eslint/unbound-method -- called on its own this below
    const { requestDevice } = GPUAdapter.prototype;
    let newest: GPUDevice | undefined;
    vi.spyOn(GPUAdapter.prototype, "requestDevice").mockImplementation(
      async function (this: GPUAdapter, descriptor) {
        newest = await requestDevice.call(this, descriptor);
        return newest;
      },
    );
    let left = count;
    let last = "";
    api.onEvent = ({ event }) => {
      const phase = event.type === "progress" ? event.phase : "";
      if (phase === "preparing" && last !== phase && left-- > 0) {
        const error = new GPUOutOfMemoryError("made up");
        newest?.dispatchEvent(
          new GPUUncapturedErrorEvent("uncapturederror", { error }),
        );
      }
      last = phase;
    };
  }

  test("unloads the old model and tries again", async () => {
    fill(1);
    const info = await load(small, micro, "webgpu");
    expect(info.device).toBe("webgpu");
  });

  test("loads the old model again if the second try fails", async () => {
    fill(2);
    await expect(load(small, micro, "webgpu")).rejects.toEqual(
      failsWith("out-of-memory", VISION, "loaded again"),
    );
  });
});

test("loads normally after a failed load", async () => {
  await expect(load({ [DECODER]: withNaNWeights(256) })).rejects.toThrow(/NaN/);
  expect((await load({}, other)).name).toBe("other");
  await expect(load({ "config.json": () => undefined }, half)).rejects.toThrow(
    /config\.json/,
  );
});

test("dispose aborts a load, and a later load works", async () => {
  const loading = expect(load({}, other)).rejects.toMatchObject({
    code: "aborted",
  });
  const seen = phases();
  while (seen.length === 0) await new Promise((r) => setTimeout(r, 1));
  await api.dispose();
  await loading;
  await expect(
    api.generate(1, [await testImage()], options),
  ).rejects.toMatchObject({
    code: "not-loaded",
  });
  await load({}, other);
});

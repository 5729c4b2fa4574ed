import { beforeEach, describe, expect, test, vi } from "vitest";
import type { Api } from "../api";
import {
  failsWith,
  half,
  micro,
  options,
  other,
  picked,
  picture,
  spoil,
  watch,
  type Change,
} from "../testing/harness";
import { DECODER, VISION, seatModel } from "../testing/seated";

let api: Api;

seatModel((fresh) => {
  api = fresh;
});

const load = async (
  changes: Record<string, Change> = {},
  folder = micro,
  device: "wasm" | "webgpu" = "wasm",
) =>
  api.load({
    model: await picked(folder, changes),
    device,
    dtype: "auto",
    backend: "ort",
  });

/** What a load reports, as it goes. */
function phases(): string[] {
  const seen: string[] = [];
  watch(api, (event) => {
    if (event.type === "progress") seen.push(event.phase);
  });
  return seen;
}

describe("when there is no room for two models", () => {
  beforeEach(() => {
    vi.stubGlobal("navigator", {
      hardwareConcurrency: 1,
      storage: navigator.storage,
      locks: navigator.locks,
      onLine: true,
      deviceMemory: 1e-6,
    });
  });

  test("the old one makes room for the new one", async () => {
    expect((await load({}, other)).name).toBe("other");
  });

  test("a question asked meanwhile waits for the new one", async () => {
    const loading = load({}, other);
    const seen = phases();
    while (!seen.includes("preparing")) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    const asked = api.describe([await picture()], options);
    expect((await asked).tokenIds).toHaveLength(12);
    expect((await loading).name).toBe("other");
  });

  test("it comes back if the new one fails, and the error says so", async () => {
    await expect(load({ [DECODER]: spoil(256) })).rejects.toEqual(
      failsWith(
        "model-corrupt",
        ...["decoder", "NaN", "micro had made room", "loaded again"],
      ),
    );
  });

  test("it comes back if the load is stopped", async () => {
    let stopped = false;
    watch(api, (event) => {
      const warming = event.type === "progress" && event.phase === "warming";
      if (warming && !stopped) api.abortLoad();
      stopped ||= warming;
    });
    await expect(load({}, other)).rejects.toEqual(
      failsWith("aborted", "loaded again"),
    );
  });

  test("what can be told without memory is told before it goes", async () => {
    const seen = phases();
    const cut: Change = (bytes) => bytes.slice(0, -1);
    await expect(load({ [DECODER]: cut })).rejects.toEqual(
      failsWith("model-corrupt", DECODER),
    );
    expect(seen).not.toContain("preparing");
  });
});

describe("when the graphics memory is full", () => {
  /** Runs the newest device out of memory when sessions are to be made, this
   * many times. */
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
    watch(api, (event) => {
      const phase = event.type === "progress" ? event.phase : "";
      if (phase === "preparing" && last !== phase && left-- > 0) {
        const error = new GPUOutOfMemoryError("made up");
        newest?.dispatchEvent(
          new GPUUncapturedErrorEvent("uncapturederror", { error }),
        );
      }
      last = phase;
    });
  }

  test("the old model makes room, and the new one is tried again", async () => {
    fill(1);
    const info = await load({}, micro, "webgpu");
    expect(info.device).toBe("webgpu");
  });

  test("if that does not help, the old one comes back", async () => {
    fill(2);
    await expect(load({}, micro, "webgpu")).rejects.toEqual(
      failsWith("out-of-memory", VISION, "loaded again"),
    );
  });
});

test("what comes after a failure loads as if there had been none", async () => {
  await expect(load({ [DECODER]: spoil(256) })).rejects.toThrow(/NaN/);
  expect((await load({}, other)).name).toBe("other");
  await expect(load({ "config.json": () => undefined }, half)).rejects.toThrow(
    /config\.json/,
  );
});

test("dispose ends a load, and a later one works", async () => {
  const loading = expect(load({}, other)).rejects.toMatchObject({
    code: "aborted",
  });
  const seen = phases();
  while (seen.length === 0) await new Promise((r) => setTimeout(r, 1));
  await api.dispose();
  await loading;
  await expect(api.describe([await picture()], options)).rejects.toMatchObject({
    code: "not-loaded",
  });
  await load({}, other);
});

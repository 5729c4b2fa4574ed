import { expect, test } from "vitest";
import { VlmError } from "../../src/shared/errors";
import { chain } from "../testing/chain";
import { node, onnxFile, type OnnxFile } from "../testing/onnx-file";
import { readOnnx } from "../onnx/onnx-reader";
import { openGpu } from "./adapter";
import type { Gpu } from "./device";
import { createSession } from "./session";

const file = "onnx/decoder.onnx";
const none = new Map<string, Blob>();

const failsWith = (code: string, ...words: string[]) =>
  expect.objectContaining({
    code,
    message: expect.stringMatching(words.join(".*")) as string,
  }) as object;

async function openSoftware(): Promise<Gpu> {
  const heads = { heads: 2, kvHeads: 1, headDim: 32 };
  const opened = await openGpu("webgpu", heads);
  if (!("gpu" in opened)) throw new Error("This test needs WebGPU.");
  return opened.gpu;
}

async function create(
  blob: Blob,
  external: ReadonlyMap<string, Blob> = none,
  gpu?: Gpu,
): Promise<void> {
  const graph = await readOnnx(file, blob);
  await (await createSession(graph, external, gpu)).release();
}

/** y = op(x, w) with w in an external file. */
const withWeight = (floats: number, op = "MatMul", offset = 0): Blob => {
  const x = { name: "x", type: "float32", shape: [1, floats] };
  const y = { name: "y", type: "float32", shape: [1, 1] };
  const weight: OnnxFile["weights"][number] = {
    name: "w",
    type: "float32",
    dims: [floats, 1],
    data: zeros(floats * 4),
    offset,
    location: "decoder.onnx_data",
  };
  return onnxFile({
    nodes: [node(op, ["x", "w"], "y")],
    inputs: [x],
    outputs: [y],
    weights: [weight],
  });
};

/** A blob of zeros that takes little memory. */
function zeros(size: number): Blob {
  const step = 2 ** 24;
  const whole = new Blob([new Uint8Array(step)]);
  const parts = new Array<Blob>(Math.floor(size / step)).fill(whole);
  return new Blob([...parts, whole.slice(0, size % step)]);
}

const data = (size: number) => new Map([["decoder.onnx_data", zeros(size)]]);

test("reads a weight from an external file", async () => {
  await create(withWeight(1000), data(4000));
});

test("rejects a missing or truncated external file", async () => {
  await expect(create(withWeight(1000))).rejects.toEqual(
    failsWith("model-file-missing", file, "no onnx/decoder.onnx_data"),
  );
  await expect(create(withWeight(1000), data(3999))).rejects.toEqual(
    failsWith("model-corrupt", "onnx/decoder.onnx_data", "ends before w"),
  );
});

test("rejects an offset that ORT cannot address", async () => {
  const offset = 2 ** 32 + 4096;
  const blob = withWeight(1000, "MatMul", offset);
  await expect(create(blob, data(offset + 4000))).rejects.toEqual(
    failsWith("unsupported", "onnx/decoder.onnx_data", "4 GB"),
  );
});

test("rejects an unknown operator", async () => {
  const blob = withWeight(1000, "Frobnicate");
  await expect(create(blob, data(4000))).rejects.toEqual(
    failsWith("unsupported", file, "Frobnicate"),
  );
});

test("rejects an invalid graph", async () => {
  const blob = onnxFile({
    nodes: [node("MatMul", ["x", "nothing"], "y")],
    inputs: [{ name: "x", type: "float32", shape: [1, 4] }],
    outputs: [{ name: "y", type: "float32", shape: [1, 4] }],
    weights: [],
  });
  await expect(create(blob)).rejects.toEqual(failsWith("model-corrupt", file));
});

test("rejects damaged graphs and creates the next session", async () => {
  const whole = await withWeight(1000).bytes();
  let state = 1;
  const random = (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 8) % below;
  };
  let refused = 0;
  for (let round = 0; round < 100; round++) {
    const bytes = whole.slice();
    bytes[random(bytes.length)] = random(256);
    await create(new Blob([bytes]), data(4000)).catch((error: unknown) => {
      refused += 1;
      expect(error).toBeInstanceOf(VlmError);
      const { code, message } = VlmError.from(error);
      expect(code).not.toBe("internal");
      expect(message).toContain("onnx/");
      expect(message).not.toMatch(/ERROR_CODE|\.cc:|\.h:/);
    });
  }
  expect(refused).toBeGreaterThan(20);
  await create(withWeight(1000), data(4000));
});

test("rejects more weights than WebAssembly can address", async () => {
  const floats = 2 ** 30 - 1024;
  await expect(create(withWeight(floats), data(floats * 4))).rejects.toEqual(
    failsWith("out-of-memory", file),
  );
  await create(chain(2, 64));
});

test("rejects a weight larger than a buffer of the adapter", async () => {
  const gpu = await openSoftware();
  const floats = gpu.device.limits.maxBufferSize / 4 + 1024;
  await expect(
    create(withWeight(floats), data(floats * 4), gpu),
  ).rejects.toEqual(
    failsWith("unsupported", file, "exceeds the limits of", gpu.name),
  );
  await create(chain(2, 64), none, gpu);
  gpu.close();
});

test("rejects a shader that does not compile", async () => {
  const gpu = await openSoftware();
  gpu.device.createShaderModule({ code: "fn (" });
  await expect(create(chain(2, 64), none, gpu)).rejects.toEqual(
    failsWith("unsupported", gpu.name, "cannot compile a shader of", file),
  );
  await create(chain(2, 64), none, gpu);
  gpu.close();
});

test("rejects another invalid use of WebGPU", async () => {
  const gpu = await openSoftware();
  gpu.device.createBuffer({ size: 4, usage: 0 });
  await expect(create(chain(2, 64), none, gpu)).rejects.toEqual(
    failsWith("unsupported", gpu.name, "cannot run", file),
  );
  await create(chain(2, 64), none, gpu);
  gpu.close();
});

test("rejects with device-lost", async () => {
  const gpu = await openSoftware();
  gpu.device.destroy();
  await gpu.lost;
  await expect(create(chain(2, 64), none, gpu)).rejects.toEqual(
    failsWith("device-lost", file),
  );
  const next = await openSoftware();
  await create(chain(2, 64), none, next);
  next.close();
});

test("rejects a file that was removed after it was chosen", async () => {
  const root = await navigator.storage.getDirectory();
  const handle = await root.getFileHandle("chosen.onnx", { create: true });
  const writable = await handle.createWritable();
  await writable.write(chain(4, 64));
  await writable.close();
  const blob = await handle.getFile();
  const graph = await readOnnx(file, blob);
  await root.removeEntry("chosen.onnx");
  await expect(createSession(graph, none, undefined)).rejects.toEqual(
    failsWith("model-file-missing", file, "no longer be read"),
  );
  await expect(readOnnx(file, blob)).rejects.toEqual(
    failsWith("model-file-missing", file, "no longer be read"),
  );
});

test("creates sessions one after another", async () => {
  const graph = await readOnnx(file, chain(3, 64));
  const sessions = await Promise.all([
    createSession(graph, none, undefined),
    createSession(graph, none, undefined),
    create(withWeight(1000)).catch(() => undefined),
    createSession(graph, none, undefined),
  ]);
  for (const session of sessions) await session?.release();
});

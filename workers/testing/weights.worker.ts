/**
 * Creates a session of a file with many weights and measures the memory that it
 * takes, in a worker of its own, whose heap is unused.
 */
import { openGpu } from "../ort/adapter";
import { measure, watchPeak, type Peak } from "../ort/memory-use";
import { createSession } from "../ort/session";
import { Tensors } from "../ort/tensor";
import { readOnnx } from "../onnx/onnx-reader";
import { chain } from "./chain";

export interface Task {
  readonly device: "webgpu" | "wasm";
  /** False: the asyncify build of ONNX Runtime. */
  readonly jspi: boolean;
  readonly layers: number;
  readonly width: number;
}

export interface Report {
  /** Before the session was created; includes the runtime itself. */
  readonly before: { readonly gpu: number; readonly wasm: number };
  readonly peak: Peak;
  readonly bytes: number;
  readonly output: readonly number[];
  readonly builds: readonly string[];
}

async function run({ device, jspi, layers, width }: Task): Promise<Report> {
  if (!jspi) Reflect.deleteProperty(WebAssembly, "Suspending");
  const heads = { heads: 2, kvHeads: 1, headDim: 32 };
  const opened = await openGpu(device, heads);
  const gpu = "gpu" in opened ? opened.gpu : undefined;
  const tensors = new Tensors(gpu);
  // The first session loads the runtime itself.
  const small = await readOnnx("small.onnx", chain(1, 8));
  await (await createSession(small, new Map(), gpu)).release();

  const before = measure(gpu);
  const peakSince = watchPeak(gpu);
  const blob = chain(layers, width);
  const graph = await readOnnx("onnx/chain.onnx", blob);
  const session = await createSession(graph, new Map(), gpu);
  const peak = peakSince();
  const input = tensors.floats(new Float32Array(width).fill(1), [1, 1, width]);
  const result = (await session.run({ x0: input })).get(`x${layers}`);
  const output = [...(await tensors.lastRow(result))];
  result.dispose();
  await session.release();
  tensors.dispose();
  gpu?.close();
  const builds = performance
    .getEntriesByType("resource")
    .map(({ name }) => name)
    .filter((name) => name.endsWith(".wasm"));
  return { before, peak, bytes: blob.size, output, builds };
}

self.onmessage = ({ data }: MessageEvent<Task>) => {
  run(data).then(
    (report) => {
      postMessage(report);
    },
    (error: unknown) => {
      postMessage(String(error));
    },
  );
};

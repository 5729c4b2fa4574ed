import { describe, expect, test } from "vitest";
import { compileCommands, encodeCommands } from "../../../ort/command-recorder";
import { recordGraph } from "../../../ort/record-graph";
import { fromHalf } from "../../../util/float16";
import { createSession, type OrtSession } from "../../../ort/session";
import { Tensor } from "../../../ort/tensor";
import { micro, other } from "../../../testing/harness";
import { bufferOf, floatsOf, testGpu } from "../../../testing/on-gpu";
import type { ModelConfig } from "../../../model-files/config";
import { readOnnx, type OnnxGraph } from "../../../onnx/onnx-reader";
import { GpuWeights } from "../gpu-weights";
import { submit } from "../../../kernels/testing/gpu";
import { planVision, type VisionPlan } from "./vision-plan";
import type { Weight } from "./weight";
import { seededRandom } from "../../../kernels/testing/random";

const here = new URL("../vision/", micro).href;
const nano = new URL("/models/nano/onnx/", location.href).href;

async function blobOf(url: string): Promise<Blob> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: HTTP ${response.status}`);
  return response.blob();
}

interface Published {
  readonly graph: OnnxGraph;
  readonly external: ReadonlyMap<string, Blob>;
  readonly plan: VisionPlan;
}

async function open(url: string, hidden: number): Promise<Published> {
  const graph = await readOnnx(url, await blobOf(url));
  const external = new Map<string, Blob>();
  for (const name of graph.externalFiles) {
    external.set(name, await blobOf(new URL(name, url).href));
  }
  const config = { hidden, size: 256 } as ModelConfig;
  const plan = await planVision(graph, external, config);
  return { graph, external, plan };
}

function pixelsOf(size: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: 3 * size * size }, seededRandom(size));
}

async function bytesOf(weight: Weight): Promise<Uint8Array<ArrayBuffer>> {
  const all = new Uint8Array(weight.bytes);
  let at = 0;
  for await (const chunk of weight.chunks()) {
    all.set(chunk, at);
    at += chunk.length;
  }
  expect(at).toBe(weight.bytes);
  return all;
}

async function feedsOf(
  weights: readonly Weight[],
): Promise<Record<string, Tensor>> {
  const feeds: Record<string, Tensor> = {};
  for (const weight of weights) {
    const bytes = await bytesOf(weight);
    const { name, type, dims } = weight;
    if (type === "float32") {
      feeds[name] = new Tensor(
        type,
        { data: new Float32Array(bytes.buffer) },
        dims,
      );
    } else if (type === "float16") {
      feeds[name] = new Tensor(
        type,
        { data: new Uint16Array(bytes.buffer) },
        dims,
      );
    } else {
      feeds[name] = new Tensor("uint8", { data: bytes }, dims);
    }
  }
  return feeds;
}

/** Runs an encoder on the CPU. */
async function features(
  session: OrtSession,
  size: number,
  feeds: Record<string, Tensor> = {},
): Promise<Float32Array> {
  const [pixels] = session.inputs.filter(({ name }) => !(name in feeds));
  const [output] = session.outputs;
  if (pixels === undefined || output === undefined) throw new Error("no ends");
  const dims = [1, 3, size, size];
  const input = new Tensor("float32", { data: pixelsOf(size) }, dims);
  const outputs = await session.run({ ...feeds, [pixels.name]: input });
  const { data } = outputs.get(output.name);
  return data instanceof Float32Array ? data : fromHalf(data as Uint16Array);
}

/** Largest difference, relative to the largest value. */
function error(ours: Float32Array, right: Float32Array): number {
  expect(ours.length).toBe(right.length);
  const largest = right.reduce((most, n) => Math.max(most, Math.abs(n)), 0);
  const off = right.reduce((most, n, i) => {
    return Math.max(most, Math.abs(n - (ours[i] ?? NaN)));
  }, 0);
  return off / largest;
}

const cases = [
  ["unfolded", `${here}unfolded.onnx`, 16, [64, 256, 320], 1e-5],
  ["spelled and in 4 bits", `${here}spelled.onnx`, 16, [128, 192], 1e-5],
  ["in 16 bits", `${here}half.onnx`, 16, [64, 256], 2e-3],
  ["external", `${other}onnx/vision_encoder.onnx`, 48, [64, 320], 1e-5],
  ["nano in 4 bits", `${nano}vision_encoder_q4.onnx`, 192, [320], 1e-5],
] as const;

describe.each(cases)("%s", (_, url, hidden, sizes, most) => {
  test("our graph gives the features of the published one", async () => {
    const { graph, external, plan } = await open(url, hidden);
    const published = await createSession(graph, external, undefined);
    const feeds = await feedsOf(plan.weights);
    for (const size of sizes) {
      const written = new Blob([plan.graph(size)]);
      const read = await readOnnx("written", written);
      expect(read.nodes.length).toBeLessThan(graph.nodes.length + 2);
      const ours = await createSession(read, new Map(), undefined);
      const got = await features(ours, size, feeds);
      expect(error(got, await features(published, size))).toBeLessThan(most);
      await ours.release();
    }
    await published.release();
  });
});

test("runs on WebGPU alone, with Gelu fused into Conv", async () => {
  const { graph, external, plan } = await open(`${here}spelled.onnx`, 16);
  const gpu = await testGpu();
  const size = 64;
  const weights = await GpuWeights.upload(gpu, plan.weights, () => undefined);
  const pixels = bufferOf(gpu, pixelsOf(size));
  const dims = [1, 3, size, size];
  const inputs = {
    ...weights.bind(plan.weights).tensors,
    pixel_values: { buffer: pixels, type: "float32", dims },
  };
  const output = bufferOf(gpu, 16 * 4);
  const outputs = {
    image_features: { buffer: output, type: "float32", dims: [1, 1, 16] },
  };
  const recorded = await recordGraph(plan.graph(size), inputs, outputs, gpu);
  const labels = recorded.commands.map(({ shader }) => shader.label);
  // Only the Gelus after MatMulNBits and after the squeeze-and-excite gate remain.
  expect(labels.filter((label) => label === "Gelu")).toHaveLength(2);
  expect(labels.filter((label) => label === "LayerNorm")).toHaveLength(2);
  expect(labels).not.toContain("Erf");
  const { device } = gpu;
  const dispatches = await compileCommands(device, recorded.commands);
  submit(device, (pass) => {
    encodeCommands(pass, dispatches);
  });
  const ours = await floatsOf(gpu, output, 16);
  const published = await createSession(graph, external, undefined);
  const right = await features(published, size);
  expect(error(ours, right)).toBeLessThan(1e-4);
  await published.release();
  await recorded.release();
  gpu.close();
});

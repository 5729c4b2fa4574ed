import { afterAll, beforeAll, expect, test } from "vitest";
import { planDecoder } from "../graphs/decoder-plan";
import { planVision } from "../graphs/vision-plan";
import { maxAbsDifference } from "../../../kernels/testing/run-variant";
import { compileCommands, type Dispatch } from "../../../ort/command-recorder";
import {
  recordGraph,
  type BoundTensors,
  type RecordedGraph,
} from "../../../ort/record-graph";
import type { Gpu } from "../../../ort/device";
import { openSource } from "../../../testing/open-backends";
import { bufferOf, floatsOf, testGpu } from "../../../testing/on-gpu";
import { GpuWeights, type BoundWeights } from "../gpu-weights";
import { Pace, replay } from "../replay";
import { overrideKernels, type OverrideResult } from "./override-kernels";
import { noise } from "../../../kernels/testing/random";

let gpu: Gpu;

beforeAll(async () => {
  gpu = await testGpu();
});

afterAll(() => {
  gpu.close();
});

/** The recorded and the overridden commands, and the results of both. */
interface Both {
  readonly recorded: RecordedGraph;
  readonly overridden: OverrideResult;
  readonly expected: Float32Array;
  readonly actual: Float32Array;
}

async function runBoth(
  model: Uint8Array,
  inputs: BoundTensors,
  weights: BoundWeights,
  outputs: BoundTensors,
  output: string,
): Promise<Both> {
  const recorded = await recordGraph(
    model,
    { ...inputs, ...weights.tensors },
    outputs,
    gpu,
  );
  const { buffer, dims = [] } = outputs[output] ?? {};
  const count = dims.reduce((product, size) => product * size, 1);
  if (buffer === undefined) throw new Error(`no output ${output}`);
  const run = async (commands: readonly Dispatch[]) => {
    await replay(gpu, "test", new Pace(), [commands], {});
    return floatsOf(gpu, buffer, count);
  };
  const { device } = gpu;
  const expected = await run(await compileCommands(device, recorded.commands));
  const buffers = (bound: BoundTensors) =>
    Object.values(bound).map((t) => t.buffer);
  const overridden = await overrideKernels(recorded.commands, {
    device,
    weights: weights.buffers,
    external: new Set([...buffers(inputs), ...buffers(outputs)]),
  });
  gpu.device.queue.writeBuffer(buffer, 0, new Float32Array(count));
  const actual = await run(overridden.dispatches);
  return { recorded, overridden, expected, actual };
}

/** On any adapter some of our kernels are faster, and all are correct. */
function expectNoFaults({ overrides }: OverrideResult): void {
  expect(overrides.filter(({ faster }) => faster === "kernel")).not.toEqual([]);
  expect(overrides.filter(({ fault }) => fault !== undefined)).toEqual([]);
}

const nano = () => new URL("/models/nano/", location.href).href;

test("gives the encoder's features with fewer commands", async () => {
  const { graphs, config } = await openSource(nano());
  const { graph, external } = graphs.vision_encoder;
  const plan = await planVision(graph, external, config);
  const weights = await GpuWeights.upload(gpu, plan.weights, () => undefined);
  const size = 64;
  const image = noise(3 * size * size, 5);
  const pixels = bufferOf(gpu, image);
  const tokens = (size / 64) ** 2;
  const features = bufferOf(gpu, 4 * tokens * plan.hidden);
  const type = "float32";
  const { recorded, overridden, expected, actual } = await runBoth(
    plan.graph(size),
    { pixel_values: { buffer: pixels, type, dims: [1, 3, size, size] } },
    weights.bind(plan.weights),
    {
      image_features: {
        ...{ buffer: features, type, dims: [1, tokens, plan.hidden] },
      },
    },
    "image_features",
  );
  expect(maxAbsDifference(actual, expected)).toBeLessThan(1e-4);
  // The trials restored the inputs.
  expect(await floatsOf(gpu, pixels, image.length)).toEqual(image);
  expectNoFaults(overridden);
  const { length } = overridden.dispatches;
  expect(length).toBeLessThan(recorded.commands.length);
  overridden.release();
  await recorded.release();
  weights.destroy();
});

for (const length of [1, 13, 40]) {
  test(`gives the logits of a decoder of ${length} positions`, async () => {
    const { graphs, config } = await openSource(nano());
    const { graph, external } = graphs.decoder_model_merged;
    const plan = await planDecoder(graph, external, config);
    const weights = await GpuWeights.upload(gpu, plan.weights, () => undefined);
    const capacity = 64;
    const past = 20;
    const int32 = (...values: number[]) => {
      const buffer = bufferOf(gpu, Int32Array.from(values));
      return { buffer, type: "int32", dims: [values.length] };
    };
    const floats = (seed: number, ...dims: number[]) => {
      const count = dims.reduce((product, size) => product * size, 1);
      const buffer = bufferOf(gpu, noise(count, seed));
      return { buffer, type: "float32", dims };
    };
    const cache: Record<string, ReturnType<typeof floats>> = {};
    for (let layer = 0; layer < plan.layers; layer++) {
      for (const part of ["key", "value"]) {
        cache[`${layer}.${part}`] = floats(
          layer,
          ...[1, plan.kvHeads, capacity, plan.headDim],
        );
      }
    }
    const named = (prefix: string): BoundTensors =>
      Object.fromEntries(
        Object.entries(cache).map(([key, at]) => [`${prefix}.${key}`, at]),
      );
    const { recorded, overridden, expected, actual } = await runBoth(
      plan.graph({ length, rows: 1, capacity }),
      {
        inputs_embeds: floats(99, 1, length, plan.hidden),
        seqlens_k: int32(past + length - 1),
        total_sequence_length: int32(past + length),
        ...(length > 1 && { rows: int32(length - 1) }),
        ...named("past_key_values"),
      },
      weights.bind(plan.weights),
      { logits: floats(7, 1, 1, plan.vocabulary), ...named("present") },
      "logits",
    );
    expect(maxAbsDifference(actual, expected)).toBeLessThan(1e-3);
    expectNoFaults(overridden);
    overridden.release();
    await recorded.release();
    weights.destroy();
  });
}

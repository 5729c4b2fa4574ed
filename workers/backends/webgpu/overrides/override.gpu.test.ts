import { afterAll, beforeAll, expect, test } from "vitest";
import { planDecoder } from "../graphs/decoder-plan";
import { planVision } from "../graphs/vision-plan";
import { furthest, noise } from "../../../kernels/run-variant";
import {
  capture,
  type Bound,
  type Captured,
  type Dispatch,
} from "../../../ort/capture";
import type { Gpu } from "../../../ort/device";
import { openSource } from "../../../testing/fast";
import { bufferOf, floatsOf, testGpu } from "../../../testing/on-gpu";
import { GpuWeights, type BoundWeights } from "../gpu-weights";
import { Pace, replay } from "../replay";
import { overrideKernels, type OverrideResult } from "./override";

let gpu: Gpu;

beforeAll(async () => {
  gpu = await testGpu();
});

afterAll(() => {
  gpu.close();
});

/** Commands beside what replaces them, and what both make. */
interface Both {
  readonly captured: Captured;
  readonly substituted: OverrideResult;
  readonly theirs: Float32Array;
  readonly ours: Float32Array;
}

async function runBoth(
  model: Uint8Array,
  inputs: Bound,
  weights: BoundWeights,
  outputs: Bound,
  output: string,
): Promise<Both> {
  const captured = await capture(
    model,
    { ...inputs, ...weights.tensors },
    outputs,
    gpu,
  );
  const { buffer, dims = [] } = outputs[output] ?? {};
  const count = dims.reduce((product, size) => product * size, 1);
  if (buffer === undefined) throw new Error(`There is no ${output}.`);
  const run = async (commands: readonly Dispatch[]) => {
    await replay(gpu, "test", new Pace(), [commands], {});
    return floatsOf(gpu, buffer, count);
  };
  const theirs = await run(captured.commands);
  const buffers = (bound: Bound) => Object.values(bound).map((t) => t.buffer);
  const substituted = await overrideKernels(captured.commands, {
    device: gpu.device,
    constants: new Set(buffers(weights.tensors)),
    folds: weights.folds,
    kept: new Set([...buffers(inputs), ...buffers(outputs)]),
  });
  gpu.device.queue.writeBuffer(buffer, 0, new Float32Array(count));
  const ours = await run(substituted.dispatches);
  return { captured, substituted, theirs, ours };
}

/** Whatever the adapter, some of our kernels run and all are right. */
function expectNoFaults({ switches }: OverrideResult): void {
  expect(switches.filter(({ by }) => by === "ours")).not.toEqual([]);
  expect(switches.filter(({ fault }) => fault !== undefined)).toEqual([]);
}

const nano = () => new URL("/models/nano/", location.href).href;

test("an encoder", async () => {
  const { graphs, config } = await openSource(nano());
  const { graph, external } = graphs.vision_encoder;
  const plan = await planVision(graph, external, config);
  const weights = await GpuWeights.upload(gpu, plan.weights, () => undefined);
  const side = 128;
  const picture = noise(3 * side * side, 5);
  const pixels = bufferOf(gpu, picture);
  const tokens = (side / 64) ** 2;
  const features = bufferOf(gpu, 4 * tokens * plan.hidden);
  const type = "float32";
  const { captured, substituted, theirs, ours } = await runBoth(
    plan.graph(side),
    { pixel_values: { buffer: pixels, type, dims: [1, 3, side, side] } },
    weights.of(plan.weights),
    {
      image_features: {
        ...{ buffer: features, type, dims: [1, tokens, plan.hidden] },
      },
    },
    "image_features",
  );
  expect(furthest(ours, theirs)).toBeLessThan(1e-4);
  // What was tried on noise has its contents again.
  expect(await floatsOf(gpu, pixels, picture.length)).toEqual(picture);
  expectNoFaults(substituted);
  const { length } = substituted.dispatches;
  expect(length).toBeLessThan(captured.commands.length);
  substituted.release();
  await captured.release();
  weights.destroy();
});

for (const length of [1, 13, 40]) {
  test(`a decoder of ${length} positions`, async () => {
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
    const named = (prefix: string): Bound =>
      Object.fromEntries(
        Object.entries(cache).map(([key, at]) => [`${prefix}.${key}`, at]),
      );
    const { captured, substituted, theirs, ours } = await runBoth(
      plan.graph({ length, rows: 1, capacity }),
      {
        inputs_embeds: floats(99, 1, length, plan.hidden),
        seqlens_k: int32(past + length - 1),
        total_sequence_length: int32(past + length),
        ...(length > 1 && { rows: int32(length - 1) }),
        ...named("past_key_values"),
      },
      weights.of(plan.weights),
      { logits: floats(7, 1, 1, plan.vocabulary), ...named("present") },
      "logits",
    );
    expect(furthest(ours, theirs)).toBeLessThan(1e-3);
    expectNoFaults(substituted);
    substituted.release();
    await captured.release();
    weights.destroy();
  });
}

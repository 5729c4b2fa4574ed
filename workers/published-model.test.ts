import { expect, test } from "vitest";
import type { Dtype } from "../src/shared/models";
import { UnsupportedGraph } from "./backends/backend";
import { planEmbeddingTable } from "./backends/webgpu/embedding-table";
import { planDecoder } from "./backends/webgpu/graphs/decoder-plan";
import { planVision } from "./backends/webgpu/graphs/vision-plan";
import { openPublishedModel } from "./testing/published/open";

/** The WebGPU backend's plans of a small model in the published form, which
 * published-model.long.gpu.test.ts runs, and e2e/published.spec.ts loads from a hub. */
async function plan(dtype: Dtype, external: boolean) {
  const { graphs, config } = await openPublishedModel(dtype, external);
  const { vision_encoder: vision, decoder_model_merged: decoder } = graphs;
  const { graph, external: data } = graphs.embed_tokens;
  for (const { external: files } of [vision, decoder]) {
    expect(files.size).toBe(external ? 1 : 0);
  }
  expect(() => planEmbeddingTable(graph, data)).not.toThrow();
  return {
    vision: planVision(vision.graph, vision.external, config),
    decoder: planDecoder(decoder.graph, decoder.external, config),
  };
}

test.each([
  ["fp32", "float32"],
  ["fp16", "float16"],
  ["q4", "float32"],
  ["q4f16", "float16"],
] as const)(
  "plans the published graphs in %s, with external data or without",
  async (dtype, type) => {
    for (const external of [false, true]) {
      const { vision, decoder } = await plan(dtype, external);
      await expect(vision).resolves.toMatchObject({ type, hidden: 64 });
      const vocabulary = 151_646;
      await expect(decoder).resolves.toMatchObject({ type, vocabulary });
    }
  },
);

test("leaves the published graphs in 8 bits to ONNX Runtime", async () => {
  const { vision, decoder } = await plan("q8", false);
  await expect(vision).rejects.toBeInstanceOf(UnsupportedGraph);
  await expect(decoder).rejects.toBeInstanceOf(UnsupportedGraph);
});

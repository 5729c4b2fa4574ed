import { createSession } from "../ort/session";
import { Tensor } from "../ort/tensor";
import type { ModelConfig } from "../model-files/config";
import type { OnnxGraph } from "../onnx/onnx-reader";

/** Logits of every row, computed by a published decoder on the CPU. `edit`: see
 * `createSession`. */
export async function publishedLogits(
  graph: OnnxGraph,
  external: ReadonlyMap<string, Blob>,
  embeds: Float32Array<ArrayBuffer>,
  { hidden, kvHeads, headDim }: ModelConfig,
  edit?: Parameters<typeof createSession>[3],
): Promise<Float32Array> {
  const session = await createSession(graph, external, undefined, edit);
  const length = embeds.length / hidden;
  const int64 = (values: readonly number[]) =>
    new Tensor("int64", { data: BigInt64Array.from(values, BigInt) }, [
      1,
      values.length,
    ]);
  const positions = Array.from({ length }, (_, i) => i);
  const past = [1, kvHeads, 0, headDim];
  const given: Readonly<Record<string, Tensor>> = {
    inputs_embeds: new Tensor("float32", { data: embeds }, [1, length, hidden]),
    position_ids: int64(positions),
    attention_mask: int64(positions.map(() => 1)),
  };
  const none = new Tensor("float32", { data: new Float32Array(0) }, past);
  const names = session.inputs.map(({ name }) => name);
  const feeds = Object.fromEntries(
    names.map((name) => [name, given[name] ?? none] as const),
  );
  const outputs = await session.run(feeds, ["logits"]);
  const logits = outputs.get("logits").data as Float32Array;
  await session.release();
  return logits;
}

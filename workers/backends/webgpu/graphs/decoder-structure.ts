import type { ModelConfig } from "../../../model-files/config";
import type { OnnxGraph } from "../../../onnx/onnx";
import { readAttention, sameRotary, type Attention } from "./decoder-attention";
import { isLinear, readLinear, type Linear } from "./decoder-linear";
import { readMlp, type Mlp } from "./decoder-mlp";
import { readNorm, streamOf, type Norm, type Stream } from "./decoder-norm";
import { UnsupportedGraph } from "./weight";
import { Wiring } from "../../../onnx/wiring";

export interface Layer {
  readonly attentionNorm: Norm;
  readonly attention: Attention;
  readonly mlpNorm: Norm;
  readonly mlp: Mlp;
}

export interface Decoder {
  readonly layers: readonly Layer[];
  readonly norm: Norm;
  readonly head: Linear;
}

/**
 * What a published decoder computes, read from its end: logits ← head ← norm ←
 * x + mlp(norm(x)) ← x + attention(norm(x)) ← … ← inputs_embeds. Names count
 * where the graph begins and ends, and nowhere else.
 */
export async function readDecoder(
  graph: OnnxGraph,
  external: ReadonlyMap<string, Blob>,
  config: ModelConfig,
): Promise<Decoder> {
  const wiring = new Wiring(graph, external);
  const head = readLinear(wiring, "logits");
  const last = await readNorm(wiring, head.input);
  const layers: Layer[] = [];
  let { stream } = last;
  while (stream.id !== "inputs_embeds") {
    if (layers.length === config.layers) {
      throw new UnsupportedGraph(`there are more than ${config.layers} layers`);
    }
    const added = splitSum(wiring, stream);
    const mlp = readMlp(wiring, added.branch);
    const middle = await readNorm(wiring, mlp.input);
    same(middle.stream, added.before);
    const attended = splitSum(wiring, middle.stream);
    const index = config.layers - 1 - layers.length;
    const attention = readAttention(wiring, attended.branch, index, config);
    const later = layers[0]?.attention.rotary;
    if (later !== undefined && !sameRotary(attention.rotary, later)) {
      throw new UnsupportedGraph(`layer ${index} has positions of its own`);
    }
    const first = await readNorm(wiring, attention.input);
    same(first.stream, attended.before);
    layers.unshift({
      attentionNorm: first.norm,
      attention,
      mlpNorm: middle.norm,
      mlp,
    });
    stream = first.stream;
  }
  if (layers.length !== config.layers) {
    throw new UnsupportedGraph(
      `there are ${layers.length} layers, not ${config.layers}`,
    );
  }
  return { layers, norm: last.norm, head: head.linear };
}

/** What was in the stream before, and the branch that was added to it. */
function splitSum(
  wiring: Wiring,
  { id, parts }: Stream,
): { before: Stream; branch: string } {
  if (parts === undefined)
    throw new UnsupportedGraph(`${id} is no sum of two branches`);
  const [a, b] = parts;
  const [left, right] = [isLinear(wiring, a), isLinear(wiring, b)];
  if (left === right)
    throw new UnsupportedGraph(`${id} does not sum a layer and a branch`);
  const [before, branch] = left ? [b, a] : [a, b];
  return { before: streamOf(wiring, before), branch };
}

function same(found: Stream, expected: Stream): void {
  if (found.id === expected.id) return;
  throw new UnsupportedGraph(
    `a branch of ${expected.id} begins at ${found.id} instead`,
  );
}

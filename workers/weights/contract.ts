import type { Graph } from "../../src/shared/models";
import type { ValueInfo } from "../ort/session";
import { mismatch, type ModelConfig } from "./config";

/** A number is that size; a name stands for any size and must be free. */
type Shape = readonly (number | string)[];

interface Expected {
  readonly types: readonly string[];
  readonly shape: Shape;
}

interface GraphValues {
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
}

const FLOAT = ["float32"];
const INT64 = ["int64"];
const CACHE = ["float32", "float16"];

/** The graphs' inputs and outputs as published for llava_qwen2. */
function expectedValues(graph: Graph, config: ModelConfig, layers: number) {
  const { hidden } = config;
  const embeds = { types: FLOAT, shape: ["batch", "sequence", hidden] };
  const ids = { types: INT64, shape: ["batch", "sequence"] };
  const inputs: Record<string, Expected> = {};
  const outputs: Record<string, Expected> = {};
  switch (graph) {
    case "vision_encoder":
      inputs["pixel_values"] = {
        types: FLOAT,
        shape: ["batch", 3, "height", "width"],
      };
      outputs["image_features"] = {
        types: FLOAT,
        shape: ["batch", "tokens", hidden],
      };
      break;
    case "embed_tokens":
      inputs["input_ids"] = ids;
      outputs["inputs_embeds"] = embeds;
      break;
    case "decoder_model_merged":
      inputs["inputs_embeds"] = embeds;
      inputs["attention_mask"] = ids;
      inputs["position_ids"] = ids;
      outputs["logits"] = {
        types: FLOAT,
        shape: ["batch", "sequence", "vocabulary"],
      };
      addCache(inputs, outputs, config, layers);
  }
  return { inputs, outputs };
}

function addCache(
  inputs: Record<string, Expected>,
  outputs: Record<string, Expected>,
  { kvHeads, headDim }: ModelConfig,
  layers: number,
): void {
  const shape = ["batch", kvHeads, "positions", headDim];
  for (let layer = 0; layer < layers; layer++) {
    for (const kind of ["key", "value"]) {
      inputs[`past_key_values.${layer}.${kind}`] = { types: CACHE, shape };
      outputs[`present.${layer}.${kind}`] = { types: CACHE, shape };
    }
  }
}

/** Throws `model-mismatch` naming the first thing that differs. */
export function checkGraph(
  graph: Graph,
  values: GraphValues,
  config: ModelConfig,
): void {
  // A layer has two inputs: of more layers than inputs, these few are enough
  // to find one missing, whatever number the configuration claims.
  const layers = Math.min(config.layers, values.inputs.length);
  const expected = expectedValues(graph, config, layers);
  for (const side of ["inputs", "outputs"] as const) {
    const noun = side === "inputs" ? "input" : "output";
    for (const [name, value] of Object.entries(expected[side])) {
      checkValue(`${graph}: ${noun} ${name}`, name, values[side], value);
    }
  }
  const unknown = values.inputs.find(({ name }) => !(name in expected.inputs));
  if (unknown !== undefined) {
    throw mismatch(
      `${graph}: input ${unknown.name} is not of this kind of model.`,
    );
  }
}

/** A tokenizer of another model gives ids that the graphs have no row for. */
export function checkVocabulary(
  lastId: number,
  decoder: Pick<GraphValues, "outputs">,
): void {
  const logits = decoder.outputs.find(({ name }) => name === "logits");
  const words = logits?.shape.at(-1);
  if (typeof words !== "number" || lastId < words) return;
  throw mismatch(
    `tokenizer.json has ids up to ${lastId}, decoder_model_merged only ${words} tokens.`,
  );
}

function checkValue(
  subject: string,
  name: string,
  values: readonly ValueInfo[],
  { types, shape }: Expected,
): void {
  const value = values.find((candidate) => candidate.name === name);
  if (value === undefined) throw mismatch(`${subject} is missing.`);
  if (!types.includes(value.type)) {
    throw mismatch(`${subject} is ${value.type}, not ${types.join(" or ")}.`);
  }
  const fits =
    value.shape.length === shape.length &&
    value.shape.every((size, i) => fitsSize(size, shape[i] ?? ""));
  if (!fits) {
    const found = value.shape.join(", ");
    throw mismatch(`${subject} is [${found}], not [${shape.join(", ")}].`);
  }
}

/** Batch 1 may be fixed, and outputs may leave a size open that is known. */
function fitsSize(found: number | string, expected: number | string): boolean {
  if (typeof found === "string") return true;
  if (typeof expected === "number") return found === expected;
  return expected === "vocabulary" || (expected === "batch" && found === 1);
}

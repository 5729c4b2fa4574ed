import { counted } from "../../src/shared/options";
import type { Graph } from "../../src/shared/models";
import { mismatch, type ModelConfig } from "./config";

/** An input or output as a file declares it; a string is a free dimension. */
interface Value {
  readonly name: string;
  readonly type: string;
  readonly shape: readonly (number | string)[];
}

/** The declared inputs and outputs of a graph file. */
export interface GraphValues {
  /** For errors, e.g. `onnx/vision_encoder.onnx`. */
  readonly file: string;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
}

/** A number is a fixed size; a name is a dimension that must be free. */
type Shape = readonly (number | string)[];

interface Expected {
  readonly types: readonly string[];
  readonly shape: Shape;
  /** Some exporters compute this input inside the graph. */
  readonly optional?: boolean;
}

interface Contract {
  readonly inputs: Readonly<Record<string, Expected>>;
  readonly outputs: Readonly<Record<string, Expected>>;
}

/** Some converters leave inputs and outputs in half precision. */
const FLOATS = ["float32", "float16"];
const INT64 = ["int64"];

/** The graphs' inputs and outputs as published for llava_qwen2. */
function contractOf(
  graph: Graph,
  config: ModelConfig,
  layers: number,
): Contract {
  const embeds = {
    types: FLOATS,
    shape: ["batch", "sequence", config.hidden],
  };
  const ids = { types: INT64, shape: ["batch", "sequence"] };
  switch (graph) {
    case "vision_encoder": {
      const shape = ["batch", 3, "height", "width"];
      const features = { ...embeds, shape: ["batch", "tokens", config.hidden] };
      return {
        inputs: { pixel_values: { types: FLOATS, shape } },
        outputs: { image_features: features },
      };
    }
    case "embed_tokens":
      return { inputs: { input_ids: ids }, outputs: { inputs_embeds: embeds } };
    case "decoder_model_merged": {
      const { kvHeads, headDim } = config;
      const shape = ["batch", kvHeads, "positions", headDim];
      const cache = { types: FLOATS, shape };
      const logits = {
        types: FLOATS,
        shape: ["batch", "sequence", "vocabulary"],
      };
      return {
        inputs: {
          inputs_embeds: embeds,
          attention_mask: { ...ids, optional: true },
          position_ids: { ...ids, optional: true },
          ...ofLayers("past_key_values", layers, cache),
        },
        outputs: { logits, ...ofLayers("present", layers, cache) },
      };
    }
  }
}

function ofLayers(
  prefix: string,
  layers: number,
  cache: Expected,
): Record<string, Expected> {
  const indices = Array.from({ length: layers }, (_, layer) => layer);
  return Object.fromEntries(
    indices.flatMap((layer) => [
      [`${prefix}.${layer}.key`, cache],
      [`${prefix}.${layer}.value`, cache],
    ]),
  );
}

/** Throws `model-mismatch` with the first difference. Additional outputs are
 * ignored; an additional input could not be provided. */
export function checkGraph(
  graph: Graph,
  values: GraphValues,
  config: ModelConfig,
): void {
  // The configuration may claim any number of layers. As many as there are
  // inputs are enough to find a missing one.
  const layers = Math.min(config.layers, values.inputs.length);
  const contract = contractOf(graph, config, layers);
  for (const [name, expected] of Object.entries(contract.inputs)) {
    checkValue(values.file, "input", name, values.inputs, expected);
  }
  for (const [name, expected] of Object.entries(contract.outputs)) {
    checkValue(values.file, "output", name, values.outputs, expected);
  }
  const unknown = values.inputs.find(({ name }) => !(name in contract.inputs));
  if (unknown !== undefined) {
    throw mismatch(
      `${values.file}: input ${unknown.name} is not expected for the ${counted(config.layers, "layer")} in config.json.`,
    );
  }
}

function checkValue(
  file: string,
  noun: "input" | "output",
  name: string,
  values: readonly Value[],
  { types, shape, optional }: Expected,
): void {
  const subject = `${file}: ${noun} ${name}`;
  const value = values.find((candidate) => candidate.name === name);
  if (value === undefined) {
    if (optional === true) return;
    const found = values.map((other) => other.name).slice(0, 8);
    throw mismatch(
      `${subject} is missing; found ${found.join(", ") || "none"}.`,
    );
  }
  if (!types.includes(value.type)) {
    throw mismatch(`${subject} is ${value.type}, not ${types.join(" or ")}.`);
  }
  const fits =
    value.shape.length === shape.length &&
    value.shape.every((size, i) => fitsSize(noun, size, shape[i] ?? ""));
  if (!fits) {
    const found = value.shape.join(", ");
    throw mismatch(
      `${subject} has the shape [${found}], not [${shape.join(", ")}].`,
    );
  }
}

/** A batch of 1 may be fixed, and any size may be free. Declared sizes of an
 * output's free dimensions are only hints. */
function fitsSize(
  noun: "input" | "output",
  found: number | string,
  expected: number | string,
): boolean {
  if (typeof found === "string") return true;
  if (typeof expected === "number") return found === expected;
  return noun === "output" || (expected === "batch" && found === 1);
}

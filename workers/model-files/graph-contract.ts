import { counted } from "../../src/shared/options";
import type { Graph } from "../../src/shared/models";
import type { ValueInfo } from "../onnx/onnx-protos";
import { mismatch, type ModelConfig } from "./config";

/** The declared inputs and outputs of a graph file. */
export interface GraphValues {
  /** For errors, e.g. `onnx/vision_encoder.onnx`. */
  readonly file: string;
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
}

/** A number is a fixed size; a name is a dimension that must be free, or may only
 * be fixed to one size. */
type Shape = readonly (number | string | OneSize)[];

interface OneSize {
  readonly name: string;
  readonly size: number;
}

interface Expected {
  readonly types: readonly string[];
  readonly shape: Shape;
  /** Another form of the same value. */
  readonly otherShape?: Shape;
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

const PIXELS = "pixel_values";

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
      const { size, hidden } = config;
      const [height, width] = ["height", "width"].map((name) => {
        return { name, size };
      }) as [OneSize, OneSize];
      const pixels = { types: FLOATS, shape: ["batch", 3, height, width] };
      const features = {
        types: FLOATS,
        shape: ["batch", "tokens", hidden],
        otherShape: ["tokens", hidden],
      };
      return {
        inputs: { [PIXELS]: pixels },
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
          // How many rows of logits to compute, 0 for all.
          num_logits_to_keep: {
            types: INT64,
            shape: [],
            otherShape: [1],
            optional: true,
          },
          // Whether the cache has positions, in older exports.
          use_cache_branch: {
            types: ["bool"],
            shape: [1],
            otherShape: [],
            optional: true,
          },
          ...ofLayers("past_key_values", layers, cache),
        },
        outputs: { logits, ...ofLayers("present", layers, cache) },
      };
    }
  }
}

/** The only image size of an encoder that was exported for one. */
export function fixedImageSize({
  inputs,
}: Pick<GraphValues, "inputs">): number | undefined {
  const pixels = inputs.find(({ name }) => name === PIXELS);
  const size = pixels?.shape?.[2];
  return typeof size === "number" ? size : undefined;
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
  values: readonly ValueInfo[],
  { types, shape, otherShape, optional }: Expected,
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
  const found = value.shape;
  if (found === undefined) return;
  const fits = [shape, otherShape].some(
    (wanted) =>
      found.length === wanted?.length &&
      found.every((size, i) => fitsSize(noun, size, wanted[i] ?? "")),
  );
  if (fits) return;
  const wanted = shape.map((one) =>
    typeof one === "object" ? `${one.name} or ${one.size}` : one,
  );
  throw mismatch(
    `${subject} has the shape [${found.join(", ")}], not [${wanted.join(", ")}].`,
  );
}

/** A batch of 1 may be fixed, and any size may be free. Declared sizes of an
 * output's free dimensions are only hints. */
function fitsSize(
  noun: "input" | "output",
  found: number | string,
  expected: Shape[number],
): boolean {
  if (typeof found === "string") return true;
  if (typeof expected === "number") return found === expected;
  if (typeof expected === "object") return found === expected.size;
  return noun === "output" || (expected === "batch" && found === 1);
}

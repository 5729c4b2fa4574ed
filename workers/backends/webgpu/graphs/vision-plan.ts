import type { ModelConfig } from "../../../model-files/config";
import type { OnnxGraph } from "../../../onnx/onnx-reader";
import type { FloatType } from "../../../ort/tensor-rows";
import {
  isFloatType,
  readGraphTensors,
  type GraphTensor,
} from "./graph-tensor";
import { fuseLayers } from "./vision-fusion";
import { inputsOf, type VisionLayer, type PerChannel } from "./vision-layers";
import { readVisionLayers } from "./vision-reader";
import { writeVisionModel } from "./vision-writer";
import type { Weight } from "./weight";
import { UnsupportedGraph } from "../../backend";

/** Our graphs of a published encoder: pixel_values [1, 3, size, size] →
 * image_features [1, (size / 64)², hidden]. */
export interface VisionPlan {
  /** Weight inputs, the same for all input sizes. */
  readonly weights: readonly Weight[];
  readonly hidden: number;
  /** Type of the features; pixels are float32. */
  readonly type: FloatType;
  /** An ONNX model for square images of `size` pixels. Throws `UnsupportedGraph` for a
   * size that the published graph does not support. */
  readonly graph: (size: number) => Uint8Array<ArrayBuffer>;
}

/** A published encoder as layers. */
interface PublishedEncoder {
  /** The wider type of the weights. */
  readonly type: FloatType;
  /** The layer of the features of square images of `size` pixels, fused. Throws
   * `UnsupportedGraph` for a size that the graph does not support. */
  layers(size: number): VisionLayer;
}

/** Throws `UnsupportedGraph` if the graph does not match the known structure. */
export async function readEncoder(
  graph: OnnxGraph,
  external: ReadonlyMap<string, Blob>,
  { hidden, size }: ModelConfig,
): Promise<PublishedEncoder> {
  const tensors = await readGraphTensors(graph, external);
  const read = (wanted: number): VisionLayer => {
    const last = fuseLayers(readVisionLayers(graph, tensors, wanted));
    checkOutput(last, wanted, hidden);
    return last;
  };
  const first = read(size);
  const fingerprint = weightFingerprint(first);
  return {
    type: typeOf(first),
    layers: (wanted) => {
      const last = read(wanted);
      if (weightFingerprint(last) === fingerprint) return last;
      throw new UnsupportedGraph(
        `the encoder's weights for ${wanted} pixels differ from those for ${size} pixels`,
      );
    },
  };
}

/** Throws `UnsupportedGraph` if the graph does not match the known structure. */
export async function planVision(
  graph: OnnxGraph,
  external: ReadonlyMap<string, Blob>,
  config: ModelConfig,
): Promise<VisionPlan> {
  const { hidden, size } = config;
  const encoder = await readEncoder(graph, external, config);
  const { type } = encoder;
  const { weights } = writeVisionModel(encoder.layers(size), size, type);
  return {
    weights,
    hidden,
    type,
    graph: (wanted) =>
      writeVisionModel(encoder.layers(wanted), wanted, type).model,
  };
}

function checkOutput(last: VisionLayer, size: number, hidden: number): void {
  if (last.channels !== hidden) {
    throw new UnsupportedGraph(
      `image features have ${last.channels} channels, not ${hidden}`,
    );
  }
  if (last.height !== size / 64 || last.width !== size / 64) {
    throw new UnsupportedGraph(
      `an image of ${size} pixels gives ${last.height} x ${last.width} tokens, not one for each 64 x 64 pixels`,
    );
  }
}

/** The type of the weights, the wider one if they differ. */
function typeOf(last: VisionLayer): FloatType {
  const types = new Set<string>();
  const seen = new Set<VisionLayer>();
  const rest = [last];
  for (let at = rest.pop(); at !== undefined; at = rest.pop()) {
    if (seen.has(at)) continue;
    seen.add(at);
    rest.push(...inputsOf(at));
    const used: readonly (GraphTensor | undefined)[] =
      at.kind === "conv" ? at.terms.map(({ weight }) => weight?.tensor) : [];
    for (const tensor of used) if (tensor !== undefined) types.add(tensor.type);
  }
  for (const type of types) {
    if (!isFloatType(type)) {
      throw new UnsupportedGraph(`weights of type ${type} are not supported`);
    }
  }
  return types.has("float32") ? "float32" : "float16";
}

/** A key that is equal only if the weights of two encoders have equal bytes. */
function weightFingerprint(last: VisionLayer): string {
  const places = new Map<VisionLayer, number>();
  const entries: unknown[] = [];
  const visit = (layer: VisionLayer): number => {
    const known = places.get(layer);
    if (known !== undefined) return known;
    const inputs = inputsOf(layer).map(visit);
    const place = entries.length;
    entries.push([layer.kind, inputs, ...layerFingerprint(layer)]);
    places.set(layer, place);
    return place;
  };
  visit(last);
  return JSON.stringify(entries);
}

function layerFingerprint(layer: VisionLayer): readonly unknown[] {
  switch (layer.kind) {
    case "conv": {
      const terms = layer.terms.map(({ weight, scale }) => [
        weight && [tensorFingerprint(weight.tensor), weight.view],
        hashed(scale),
      ]);
      return [terms, hashed(layer.bias)];
    }
    case "quantized": {
      const { packed, scales, zeros, rows, scale, bias } = layer;
      const tensors = [packed, scales, zeros].map(
        (tensor) => tensor && tensorFingerprint(tensor),
      );
      return [tensors, rows, hashed(scale), hashed(bias)];
    }
    case "affine":
    case "norm":
      return [hashed(layer.scale), hashed(layer.shift)];
    case "attention":
      return [layer.query, layer.key, layer.value].map(
        ({ first, heads, width }) => [first, heads, width],
      );
    default:
      return [];
  }
}

/** A stored tensor does not depend on the input size; a computed one may. */
function tensorFingerprint({
  name,
  type,
  dims,
  source,
  numbers,
}: GraphTensor): unknown {
  if (source !== undefined || numbers === undefined) return name;
  return [type, dims, hashed(numbers)];
}

function hashed(numbers: PerChannel): string {
  if (typeof numbers === "number") return String(numbers);
  let hash = 0x811c9dc5;
  for (const word of new Uint32Array(numbers.slice().buffer)) {
    hash = Math.imul(hash ^ word, 0x01000193);
    hash ^= hash >>> 15;
  }
  return `${numbers.length} numbers ${hash}`;
}

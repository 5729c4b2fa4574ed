import {
  readNode,
  readTensorHeader,
  readValueInfo,
  type OnnxNode,
} from "./onnx-protos";
import { writeGraphParts } from "./onnx-writer";
import {
  concatBytes,
  contentField,
  contentHeader,
  contentOf,
  readFields,
  textField,
} from "./protobuf";

const LOGITS = "logits";

/** Products of the hidden states, the first input, and a weight. */
const PRODUCTS = [
  "DynamicQuantizeMatMul",
  "FusedGemm",
  "FusedMatMul",
  "Gemm",
  "MatMul",
  "MatMulBnb4",
  "MatMulFpQ4",
  "MatMulInteger",
  "MatMulIntegerToFloat",
  "MatMulNBits",
  "QLinearMatMul",
];

/** Operators between the products and the logits that compute each row by itself
 * from all of their inputs. */
const ROWWISE = ["Add", "Cast", "Div", "Identity", "Mul", "Sub", "Tanh"];

/** The same with a second input that describes the first. */
const RESHAPING = ["DequantizeLinear", "Reshape", "Squeeze", "Unsqueeze"];

/** ModelProto.graph. */
const GRAPH = 7;

/** Fields of GraphProto. */
const [NODE, INITIALIZER, OUTPUT, VALUE_INFO] = [1, 5, 12, 13];

/** NodeProto.input. */
const INPUT = 1;

/**
 * A decoder with logits of the last position only. A prompt of 300 tokens has 182
 * MB of logits, of which one row is used; some GPUs cannot bind a buffer of that
 * size. Returns the model itself if its output layer is of an unknown form.
 *
 * `model`: an ONNX file, whose large weights may be elsewhere.
 */
export function keepLastRow(
  model: Uint8Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer> {
  const modelFields = [...readFields(model)];
  const graphField = modelFields.find(({ number }) => number === GRAPH);
  if (graphField === undefined) return model;
  const graph = contentOf(model, graphField);
  const head = OutputLayer.find(graph);
  if (head === undefined) return model;
  const constants = [
    int64(START, [-1n]),
    int64(END, [2n ** 63n - 1n]),
    int64(AXIS, [-2n]),
    ...(head.reshapes.size > 0 ? [int64(ONE_ROW, [1n, 1n, -1n])] : []),
  ];
  const sliced = new Set<string>();
  const parts = [...readFields(graph)].map((field) => {
    const bytes = graph.subarray(field.at, field.end);
    const content = contentOf(graph, field);
    // The shapes of inner values may no longer be true.
    if (field.number === VALUE_INFO) return new Uint8Array();
    if (field.number === OUTPUT) return withOneRow(content, bytes);
    if (field.number !== NODE) return bytes;
    const node = readNode(content);
    const [output = ""] = node.outputs;
    const [hidden = "", ...others] = node.inputs;
    if (head.reshapes.has(output)) {
      return withInputs(content, [hidden, ONE_ROW]);
    }
    if (!head.products.has(output)) return bytes;
    const row = `${hidden}/last row`;
    const product = withInputs(content, [row, ...others]);
    if (sliced.has(hidden)) return product;
    sliced.add(hidden);
    const slice = {
      op: "Slice",
      domain: "",
      inputs: [hidden, START, END, AXIS],
      outputs: [row],
      attributes: {},
    };
    return concatBytes([writeGraphParts([slice], [], []), product]);
  });
  const inner = concatBytes([...parts, writeGraphParts([], [], [], constants)]);
  const outer = modelFields.map((field) =>
    field === graphField
      ? concatBytes([contentHeader(GRAPH, inner.length), inner])
      : model.subarray(field.at, field.end),
  );
  return concatBytes(outer);
}

/** Names of constants. */
const [START, END, AXIS, ONE_ROW] = ["start", "end", "axis", "shape"].map(
  (name) => `last row/${name}`,
) as [string, string, string, string];

/**
 * The nodes that take the hidden states of all positions to the logits: one
 * product or several, whose results are added (LoRA) or concatenated, with a bias,
 * scales and casts after it.
 */
class OutputLayer {
  /** Outputs of the products. The rows are the second last dimension of the
   * hidden states, with or without a batch. */
  readonly products = new Set<string>();
  /** Outputs of the Reshape nodes after them. */
  readonly reshapes = new Set<string>();
  readonly #producers = new Map<string, OnnxNode>();
  readonly #weights = new Set<string>();
  readonly #sameForAllRows = new Map<string, boolean>();

  private constructor(graph: Uint8Array) {
    for (const field of readFields(graph)) {
      const content = contentOf(graph, field);
      if (field.number === INITIALIZER) {
        this.#weights.add(readTensorHeader(content).name);
      }
      if (field.number !== NODE) continue;
      const node = readNode(content);
      for (const output of node.outputs) this.#producers.set(output, node);
    }
  }

  /** Undefined if it is of an unknown form. */
  static find(graph: Uint8Array): OutputLayer | undefined {
    const outputs = [...readFields(graph)].flatMap((field) =>
      field.number === OUTPUT ? [readValueInfo(contentOf(graph, field))] : [],
    );
    const logits = outputs.find(({ name }) => name === LOGITS);
    const layer = new OutputLayer(graph);
    const found = layer.#collect(LOGITS, new Set());
    const hasRank = [3, undefined].includes(logits?.shape?.length);
    return found && hasRank && layer.products.size > 0 ? layer : undefined;
  }

  /** Collects the products that `value` is computed from. Returns whether every
   * row of it depends on one row of the hidden states only. */
  #collect(value: string, visited: Set<string>): boolean {
    if (this.#isSameForAllRows(value)) return true;
    const node = this.#producers.get(value);
    if (node === undefined || visited.has(value)) return false;
    visited.add(value);
    const { op, inputs, attributes } = node;
    const [first = "", ...others] = inputs;
    if (PRODUCTS.includes(op)) {
      this.products.add(value);
      const isPlain = (attributes.get("transA") ?? 0) === 0;
      return isPlain && others.every((one) => this.#isSameForAllRows(one));
    }
    if (op === "Reshape") this.reshapes.add(value);
    if (RESHAPING.includes(op)) return this.#collect(first, visited);
    const isLastAxis = [-1, 2].includes(attributes.get("axis") ?? 0);
    const isRowwise = op === "Concat" ? isLastAxis : ROWWISE.includes(op);
    return isRowwise && inputs.every((one) => this.#collect(one, visited));
  }

  /** Whether `value` is constant, or a scale or zero point of all hidden states. */
  #isSameForAllRows(value: string): boolean {
    const known = this.#sameForAllRows.get(value);
    if (known !== undefined) return known;
    // For a damaged graph that is circular.
    this.#sameForAllRows.set(value, false);
    const isSame =
      value === "" || this.#weights.has(value) || this.#isComputedOnce(value);
    this.#sameForAllRows.set(value, isSame);
    return isSame;
  }

  #isComputedOnce(value: string): boolean {
    const node = this.#producers.get(value);
    if (node === undefined) return false;
    const { op, inputs, outputs } = node;
    if (op === "Constant") return true;
    if (op === "DynamicQuantizeLinear" && outputs[0] !== value) return true;
    return (
      inputs.length > 0 && inputs.every((one) => this.#isSameForAllRows(one))
    );
  }
}

function int64(name: string, values: readonly bigint[]) {
  const bytes = new Uint8Array(BigInt64Array.from(values).buffer);
  return { name, type: "int64", dims: [values.length], bytes };
}

/** The field of an output, which is the logits or stays as it is. */
function withOneRow(output: Uint8Array, field: Uint8Array): Uint8Array {
  const { shape, ...value } = readValueInfo(output);
  if (value.name !== LOGITS || shape?.length !== 3) return field;
  const [batch = 1, , vocabulary = "vocabulary"] = shape;
  const oneRow = { ...value, shape: [batch, 1, vocabulary] };
  return writeGraphParts([], [], [oneRow]);
}

/** The field of a node with other inputs. */
function withInputs(node: Uint8Array, inputs: readonly string[]): Uint8Array {
  const rest = [...readFields(node)].flatMap(({ number, at, end }) =>
    number === INPUT ? [] : [...node.subarray(at, end)],
  );
  const content = [
    ...inputs.flatMap((name) => textField(INPUT, name)),
    ...rest,
  ];
  return Uint8Array.from(contentField(NODE, content));
}

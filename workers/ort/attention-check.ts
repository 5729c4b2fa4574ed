import { ortMutex, loadOrt } from "./runtime";
import { writeModel } from "../onnx/onnx-writer";

/** Heads of the attention in the model. */
export interface AttentionHeads {
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
}

/** ONNX Runtime uses flash attention from 32 positions on. */
const POSITIONS = 48;

/** Correct shaders differ by 2e-7, with half precision inside by 1e-3; wrong ones
 * by 0.1. */
const TOLERANCE = 0.01;

/**
 * Compares GroupQueryAttention on `device` with a computation in JavaScript.
 *
 * Flash attention of ONNX Runtime 1.30 is silently wrong with small subgroups
 * (by 0.1 to 0.8 at subgroup size 4, by 0.16 at 8; also in 1.31-dev). Delete this
 * check when it passes on the software adapter with subgroups.
 */
export async function attentionIsCorrect(
  device: GPUDevice,
  shape: AttentionHeads,
): Promise<boolean> {
  const inputs = createInputs(shape);
  const expected = attend(inputs, shape);
  const actual = await runGraph(device, inputs, shape);
  return expected.every(
    (value, i) => Math.abs(value - (actual[i] ?? NaN)) < TOLERANCE,
  );
}

interface Inputs {
  readonly query: Float32Array;
  readonly key: Float32Array;
  readonly value: Float32Array;
}

function createInputs({ heads, kvHeads, headDim }: AttentionHeads): Inputs {
  // Values of magnitude 1 that do not repeat.
  const wave = (length: number, step: number): Float32Array =>
    Float32Array.from({ length }, (_, i) => Math.sin(1 + i * step) * 1.5);
  return {
    query: wave(POSITIONS * heads * headDim, 0.731),
    key: wave(POSITIONS * kvHeads * headDim, 1.317),
    value: wave(POSITIONS * kvHeads * headDim, 2.093),
  };
}

/** Causal attention, softmax(q k / sqrt(d)) v, one query at a time. */
function attend(
  inputs: Inputs,
  { heads, kvHeads, headDim }: AttentionHeads,
): number[] {
  const { query, key, value } = inputs;
  const out: number[] = [];
  for (let position = 0; position < POSITIONS; position++) {
    for (let head = 0; head < heads; head++) {
      const q = (position * heads + head) * headDim;
      const kv = Math.floor(head / (heads / kvHeads));
      const row = (of: number): number => (of * kvHeads + kv) * headDim;
      const weights: number[] = [];
      for (let other = 0; other <= position; other++) {
        let dot = 0;
        for (let d = 0; d < headDim; d++) {
          dot += (query[q + d] ?? NaN) * (key[row(other) + d] ?? NaN);
        }
        weights.push(Math.exp(dot / Math.sqrt(headDim)));
      }
      const sum = weights.reduce((a, b) => a + b);
      for (let d = 0; d < headDim; d++) {
        const terms = weights.map((w, i) => w * (value[row(i) + d] ?? NaN));
        out.push(terms.reduce((a, b) => a + b) / sum);
      }
    }
  }
  return out;
}

async function runGraph(
  device: GPUDevice,
  inputs: Inputs,
  { heads, kvHeads, headDim }: AttentionHeads,
): Promise<Float32Array> {
  const ort = await loadOrt();
  const floats = (name: string, shape: number[]) =>
    ({ name, type: "float32", shape }) as const;
  const past = [1, kvHeads, 0, headDim];
  const present = [1, kvHeads, POSITIONS, headDim];
  const wide = [1, POSITIONS, heads * headDim];
  const narrow = [1, POSITIONS, kvHeads * headDim];
  const values = [
    floats("query", wide),
    floats("key", narrow),
    floats("value", narrow),
    floats("past_key", past),
    floats("past_value", past),
    { name: "seqlens_k", type: "int32", shape: [1] },
    { name: "total_sequence_length", type: "int32", shape: [1] },
  ] as const;
  const outputs = [
    floats("output", wide),
    floats("present_key", present),
    floats("present_value", present),
  ];
  const node = {
    op: "GroupQueryAttention",
    domain: "com.microsoft",
    inputs: values.map(({ name }) => name),
    outputs: outputs.map(({ name }) => name),
    attributes: { num_heads: heads, kv_num_heads: kvHeads },
  };
  const tensor = (data: Float32Array | Int32Array, dims: readonly number[]) =>
    data instanceof Int32Array
      ? new ort.Tensor("int32", data, dims)
      : new ort.Tensor("float32", data, dims);
  return ortMutex.run(async () => {
    const model = writeModel([node], values, outputs);
    const session = await ort.InferenceSession.create(model, {
      executionProviders: [
        { name: "webgpu", device, validationMode: "disabled" },
      ],
      logSeverityLevel: 3,
    });
    try {
      const results = await session.run({
        query: tensor(inputs.query, wide),
        key: tensor(inputs.key, narrow),
        value: tensor(inputs.value, narrow),
        past_key: tensor(new Float32Array(0), past),
        past_value: tensor(new Float32Array(0), past),
        seqlens_k: tensor(Int32Array.of(POSITIONS - 1), [1]),
        total_sequence_length: tensor(Int32Array.of(POSITIONS), [1]),
      });
      return results["output"]?.data as Float32Array;
    } finally {
      await session.release();
    }
  });
}

import { ortQueue, loadOrt } from "./runtime";
import { writeModel } from "../onnx/onnx-writer";

/** Heads of the attention to be tested: those of the model that will run. */
export interface Heads {
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
}

/** From 32 positions on ONNX Runtime takes its flash-attention path. */
const POSITIONS = 48;

/** Right paths err by 2e-7, half precision inside by 1e-3, wrong ones by 0.1. */
const TOLERANCE = 0.01;

/**
 * Runs GroupQueryAttention on `device` and on plain arithmetic.
 *
 * ONNX Runtime 1.30's flash attention is silently wrong where `subgroups` are
 * small (off by 0.1 to 0.8 at subgroup size 4, by 0.16 at 8; 1.31-dev too).
 * To be deleted when it tests right on the software adapter with subgroups.
 */
export async function attentionIsRight(
  device: GPUDevice,
  shape: Heads,
): Promise<boolean> {
  const inputs = makeInputs(shape);
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

function makeInputs({ heads, kvHeads, headDim }: Heads): Inputs {
  // Any spread of values of size 1 will do; these repeat nowhere.
  const wave = (length: number, step: number): Float32Array =>
    Float32Array.from({ length }, (_, i) => Math.sin(1 + i * step) * 1.5);
  return {
    query: wave(POSITIONS * heads * headDim, 0.731),
    key: wave(POSITIONS * kvHeads * headDim, 1.317),
    value: wave(POSITIONS * kvHeads * headDim, 2.093),
  };
}

/** Causal attention, softmax(q k / sqrt(d)) v, one query at a time. */
function attend(inputs: Inputs, { heads, kvHeads, headDim }: Heads): number[] {
  const { query, key, value } = inputs;
  const out: number[] = [];
  for (let position = 0; position < POSITIONS; position++) {
    for (let head = 0; head < heads; head++) {
      const q = (position * heads + head) * headDim;
      const kv = Math.floor(head / (heads / kvHeads));
      const row = (at: number): number => (at * kvHeads + kv) * headDim;
      const weights: number[] = [];
      for (let at = 0; at <= position; at++) {
        let dot = 0;
        for (let d = 0; d < headDim; d++) {
          dot += (query[q + d] ?? 0) * (key[row(at) + d] ?? 0);
        }
        weights.push(Math.exp(dot / Math.sqrt(headDim)));
      }
      const sum = weights.reduce((a, b) => a + b);
      for (let d = 0; d < headDim; d++) {
        const terms = weights.map((w, at) => w * (value[row(at) + d] ?? 0));
        out.push(terms.reduce((a, b) => a + b) / sum);
      }
    }
  }
  return out;
}

async function runGraph(
  device: GPUDevice,
  inputs: Inputs,
  { heads, kvHeads, headDim }: Heads,
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
  return ortQueue.add(async () => {
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

import { afterAll, beforeAll, expect, test } from "vitest";
import { writeModel, type NodeSpec } from "../onnx/onnx-writer";
import type { ValueInfo } from "../onnx/onnx-protos";
import { failsWith } from "../testing/harness";
import { bufferOf, floatsOf, testGpu } from "../testing/on-gpu";
import { compileCommands, encodeCommands } from "./command-recorder";
import { recordGraph, type BoundTensors } from "./record-graph";
import type { Gpu } from "./device";
import { loadOrt, ortMutex } from "./runtime";

let gpu: Gpu;

beforeAll(async () => {
  gpu = await testGpu();
});

afterAll(() => {
  gpu.close();
});

const float = (name: string, ...shape: number[]): ValueInfo => {
  return { name, type: "float32", shape };
};

const operator = (
  op: string,
  inputs: readonly string[],
  output: string,
): NodeSpec => ({ op, domain: "", inputs, outputs: [output], attributes: {} });

function bound(
  values: readonly ValueInfo[],
  buffers: Readonly<Record<string, GPUBuffer>>,
): BoundTensors {
  return Object.fromEntries(
    values.map(({ name, type, shape }) => {
      const buffer = buffers[name];
      if (buffer === undefined) throw new Error(`no buffer for ${name}`);
      return [name, { buffer, type, dims: (shape ?? []).map(Number) }];
    }),
  );
}

const WIDTH = 61;
const STEPS = 4_000;

/** state ← (state + step) · shift, in integers, so that it is exact. */
function counting() {
  const inputs = [
    float("state", 1, WIDTH),
    float("shift", WIDTH, WIDTH),
    float("step", 1, WIDTH),
  ];
  const outputs = [float("next", 1, WIDTH)];
  const nodes = [
    operator("Add", ["state", "step"], "sum"),
    operator("MatMul", ["sum", "shift"], "next"),
  ];
  const shift = new Float32Array(WIDTH * WIDTH);
  for (let i = 0; i < WIDTH; i++) shift[i * WIDTH + ((i + 7) % WIDTH)] = 1;
  const step = new Float32Array(WIDTH);
  step[3] = 1;
  const after = (steps: number): number[] => {
    let state = new Array<number>(WIDTH).fill(0);
    for (let n = 0; n < steps; n++) {
      const next = new Array<number>(WIDTH).fill(0);
      state[3] = (state[3] ?? 0) + 1;
      state.forEach((value, i) => (next[(i + 7) % WIDTH] = value));
      state = next;
    }
    return state;
  };
  const model = writeModel(nodes, inputs, outputs);
  return { inputs, outputs, model, shift, step, after };
}

test("replays exactly and without growing", async () => {
  const { inputs, outputs, model, shift, step, after } = counting();
  const state = bufferOf(gpu, new Float32Array(WIDTH));
  const weights = { shift: bufferOf(gpu, shift), step: bufferOf(gpu, step) };
  const feeds = bound(inputs, { ...weights, state });
  const fetches = bound(outputs, { next: state });
  const { device } = gpu;
  const { commands, release } = await recordGraph(model, feeds, fetches, gpu);
  // The recording executed nothing.
  expect([...(await floatsOf(gpu, state, WIDTH))]).toEqual(after(0));
  expect(commands).toHaveLength(2);

  const dispatches = await compileCommands(device, commands);

  const replay = async (steps: number): Promise<void> => {
    for (let done = 0; done < steps; done += 500) {
      const encoder = device.createCommandEncoder({ label: "replay" });
      const pass = encoder.beginComputePass();
      for (let n = 0; n < 500; n++) encodeCommands(pass, dispatches);
      pass.end();
      device.queue.submit([encoder.finish()]);
      await gpu.guard(device.queue.onSubmittedWorkDone());
    }
  };
  await replay(1000);
  const bytes = gpu.bytes.now;
  const heap = heapBytes();
  await replay(STEPS - 1000);
  expect(gpu.bytes.now).toBe(bytes);
  expect(heapBytes() - heap).toBeLessThan(8 * 2 ** 20);
  expect([...(await floatsOf(gpu, state, WIDTH))]).toEqual(after(STEPS));
  await release();
  expect(gpu.bytes.now).toBeLessThanOrEqual(bytes);
});

/** Bytes of the JavaScript heap, garbage included. */
function heapBytes(): number {
  const { memory } = performance as Performance & {
    readonly memory?: { readonly usedJSHeapSize: number };
  };
  if (memory === undefined) throw new Error("performance.memory is missing");
  return memory.usedJSHeapSize;
}

test("records the shader, buffers and uniforms of a command", async () => {
  const { inputs, outputs, model } = counting();
  const size = WIDTH * WIDTH * 4;
  const names = ["state", "shift", "step", "next"];
  const buffers = Object.fromEntries(
    names.map((name) => [name, bufferOf(gpu, size)]),
  );
  const feeds = bound(inputs, buffers);
  const fetches = bound(outputs, buffers);
  const { commands, release } = await recordGraph(model, feeds, fetches, gpu);
  const [sum, product] = commands;
  expect(product?.shader.label).toContain("MatMul");
  expect(product?.shader.code).toContain("@compute");
  expect(product?.uniforms?.byteLength).toBeGreaterThan(0);
  const resources = (sum?.bindings ?? []).map(({ resource }) => {
    return "buffer" in resource ? resource.buffer : resource;
  });
  expect(resources).toContain(buffers["step"]);
  expect(resources).toContain(buffers["state"]);
  await release();
});

async function expectToRecord(): Promise<void> {
  const { inputs, outputs, model } = counting();
  const size = WIDTH * WIDTH * 4;
  const names = ["state", "shift", "step", "next"];
  const buffers = Object.fromEntries(
    names.map((name) => [name, bufferOf(gpu, size)]),
  );
  const feeds = bound(inputs, buffers);
  const { release } = await recordGraph(
    model,
    feeds,
    bound(outputs, buffers),
    gpu,
  );
  await release();
}

test("records again after an invalid graph", async () => {
  const none = Uint8Array.of(1, 2, 3, 4);
  await expect(recordGraph(none, {}, {}, gpu)).rejects.toEqual(
    failsWith("internal"),
  );
  await expectToRecord();
});

test("rejects a graph that copies buffers", async () => {
  const inputs = [float("x", 4, 2)];
  const outputs = [float("y", 2, 4)];
  const shape = new Uint8Array(BigInt64Array.of(2n, 4n).buffer);
  const constants = [{ name: "shape", type: "int64", dims: [2], bytes: shape }];
  const nodes = [operator("Reshape", ["x", "shape"], "y")];
  const model = writeModel(nodes, inputs, outputs, constants);
  const buffers = { x: bufferOf(gpu, 32), y: bufferOf(gpu, 32) };
  const feeds = bound(inputs, buffers);
  const recorded = recordGraph(model, feeds, bound(outputs, buffers), gpu);
  await expect(recorded).rejects.toEqual(
    failsWith("unsupported", "cannot run this graph"),
  );
  await expectToRecord();
});

test("rejects another version of ONNX Runtime", async () => {
  const { env } = await loadOrt();
  const { versions } = env;
  const other = { value: { ...versions, web: "1.31.0" }, configurable: true };
  Object.defineProperty(env, "versions", other);
  try {
    await expect(expectToRecord()).rejects.toEqual(
      failsWith("unsupported", "1.31.0", "1.30.0"),
    );
  } finally {
    Object.defineProperty(env, "versions", { value: versions });
  }
});

const HEADS = { num_heads: 4, kv_num_heads: 2 };
const DIM = 16;
const PAST = 64;

/** One position of attention over a cache of its own. */
function attention() {
  const past = [1, HEADS.kv_num_heads, PAST, DIM];
  const inputs: ValueInfo[] = [
    float("qkv", 1, 1, 8 * DIM),
    float("past_key", ...past),
    float("past_value", ...past),
    { name: "seqlens_k", type: "int32", shape: [1] },
    { name: "total", type: "int32", shape: [1] },
    float("cos", PAST, DIM / 2),
    float("sin", PAST, DIM / 2),
  ];
  const outputs = [
    float("out", 1, 1, 4 * DIM),
    float("present_key", ...past),
    float("present_value", ...past),
  ];
  const node = {
    op: "GroupQueryAttention",
    domain: "com.microsoft",
    inputs: [
      ...["qkv", "", "", "past_key", "past_value"],
      ...["seqlens_k", "total", "cos", "sin"],
    ],
    outputs: outputs.map(({ name }) => name),
    attributes: { ...HEADS, do_rotary: 1 },
  };
  return { inputs, outputs, model: writeModel([node], inputs, outputs) };
}

test("reads lengths on the GPU: replayed attention equals ORT's", async () => {
  const { inputs, outputs, model } = attention();
  const wave = (length: number, step: number) =>
    Float32Array.from({ length }, (_, i) => Math.sin(1 + i * step));
  // ORT cannot run graphs on the device of a recording.
  const other = await testGpu();
  const make = (on: Gpu) => ({
    qkv: bufferOf(on, 8 * DIM * 4),
    past_key: bufferOf(on, 2 * PAST * DIM * 4),
    past_value: bufferOf(on, 2 * PAST * DIM * 4),
    seqlens_k: bufferOf(on, 4),
    total: bufferOf(on, 4),
    cos: bufferOf(on, wave((PAST * DIM) / 2, 0.3)),
    sin: bufferOf(on, wave((PAST * DIM) / 2, 0.7)),
    out: bufferOf(on, 4 * DIM * 4),
  });
  const cached = ({ past_key, past_value }: ReturnType<typeof make>) => {
    return { present_key: past_key, present_value: past_value };
  };
  const [ours, theirs] = [make(gpu), make(other)];
  const fetches = (buffers: ReturnType<typeof make>) =>
    bound(outputs, { ...buffers, ...cached(buffers) });
  const { commands, release } = await recordGraph(
    model,
    bound(inputs, ours),
    fetches(ours),
    gpu,
  );
  const indirect = commands.filter(({ workgroups }) => "buffer" in workgroups);
  expect(indirect).not.toHaveLength(0);

  const ort = await loadOrt();
  const { device } = gpu;
  const session = await ortMutex.run(() =>
    ort.InferenceSession.create(model, {
      executionProviders: [
        { name: "webgpu", device: other.device, validationMode: "disabled" },
      ],
      logSeverityLevel: 3,
    }),
  );
  const onGpu = (tensors: BoundTensors) =>
    Object.fromEntries(
      Object.entries(tensors).map(([name, { buffer, dims }]) => {
        const dataType = "float32";
        return [name, ort.Tensor.fromGpuBuffer(buffer, { dataType, dims })];
      }),
    );
  const dispatches = await compileCommands(device, commands);
  for (let length = 0; length < PAST; length++) {
    const qkv = wave(8 * DIM, 0.11 * (length + 1));
    const lengths = [Int32Array.of(length), Int32Array.of(length + 1)];
    device.queue.writeBuffer(ours.qkv, 0, qkv);
    other.device.queue.writeBuffer(theirs.qkv, 0, qkv);
    device.queue.writeBuffer(ours.seqlens_k, 0, lengths[0] ?? qkv);
    device.queue.writeBuffer(ours.total, 0, lengths[1] ?? qkv);
    const encoder = device.createCommandEncoder({ label: "replay" });
    const pass = encoder.beginComputePass();
    encodeCommands(pass, dispatches);
    pass.end();
    device.queue.submit([encoder.finish()]);
    const feeds = {
      ...onGpu(bound(inputs, theirs)),
      seqlens_k: new ort.Tensor("int32", Int32Array.of(length), [1]),
      total: new ort.Tensor("int32", Int32Array.of(length + 1), [1]),
    };
    const results = onGpu(fetches(theirs));
    await ortMutex.run(() => session.run(feeds, results));
    const wanted = await floatsOf(other, theirs.out, 4 * DIM);
    const got = await floatsOf(gpu, ours.out, 4 * DIM);
    expect([...got], `position ${length}`).toEqual([...wanted]);
    expect(wanted.some((value) => value !== 0)).toBe(true);
  }
  await ortMutex.run(() => session.release());
  other.close();
  await release();
});

test("compiles a pipeline when its command is compiled, and once", async () => {
  const fresh = await testGpu();
  const { device } = fresh;
  let compiled = 0;
  fresh.onShader = () => (compiled += 1);
  const { inputs, outputs, model, shift, step } = counting();
  const buffers = {
    state: bufferOf(fresh, new Float32Array(WIDTH)),
    shift: bufferOf(fresh, shift),
    step: bufferOf(fresh, step),
    next: bufferOf(fresh, new Float32Array(WIDTH)),
  };
  const recorded = await recordGraph(
    model,
    bound(inputs, buffers),
    bound(outputs, buffers),
    fresh,
  );
  expect(compiled).toBe(0);
  const [sum, product] = recorded.commands;
  if (sum === undefined || product === undefined) throw new Error("no command");
  await compileCommands(device, [sum]);
  expect(compiled).toBe(1);
  await compileCommands(device, [sum, product]);
  expect(compiled).toBe(2);
  await recorded.release();
  fresh.close();
});

import relaxedCode from "./assembly/index.ts?asc=relaxed";
import simdCode from "./assembly/index.ts?asc=simd";

/**
 * The arguments of each kernel, by the file in `assembly/` that documents it,
 * without the last two: `begin` and `end`, the part of the kernel's outermost
 * dimension.
 */
export interface KernelArguments {
  // product-int8.ts
  probeDot: [out: number];
  rowRanges: [x: number, ranges: number, inner: number];
  quantizeRows: [
    x: number,
    ranges: number,
    out: number,
    rows: number,
    inner: number,
    form: number,
  ];
  packInt8: [
    source: number,
    w: number,
    inner: number,
    outer: number,
    firstK: number,
    count: number,
    flip: number,
  ];
  productInt8: [
    x: number,
    w: number,
    bias: number,
    y: number,
    rows: number,
    inner: number,
    stride: number,
    form: number,
  ];
  // scale-add.ts
  scaleAdd: [x: number, y: number, a: number];
  // product-float.ts
  productFloat: [
    x: number,
    weight: number,
    bias: number,
    residual: number,
    y: number,
    rows: number,
    inputs: number,
    outputs: number,
    blockRows: number,
    activation: number,
  ];
  // depthwise.ts
  depthwise3: DepthwiseArguments;
  depthwise7: DepthwiseArguments;
  depthwiseStrided: [
    x: number,
    weight: number,
    bias: number,
    y: number,
    height: number,
    width: number,
    channels: number,
    outWidth: number,
    multiplier: number,
    kernelHeight: number,
    kernelWidth: number,
    strideY: number,
    strideX: number,
    padTop: number,
    padLeft: number,
    activation: number,
  ];
  // feature-map.ts
  planesToMap: [x: number, y: number, pixels: number, channels: number];
  windows: [
    x: number,
    y: number,
    height: number,
    width: number,
    channels: number,
    used: number,
    outWidth: number,
    rowSize: number,
    kernelHeight: number,
    kernelWidth: number,
    strideY: number,
    strideX: number,
    padTop: number,
    padLeft: number,
  ];
  meanOfPixels: [x: number, y: number, pixels: number, channels: number];
  scaleAndShift: [
    x: number,
    scale: number,
    shift: number,
    y: number,
    channels: number,
    activation: number,
  ];
  combine: [
    operation: number,
    a: number,
    kindOfA: number,
    b: number,
    kindOfB: number,
    y: number,
    channels: number,
    activation: number,
  ];
  layerNorm: [
    x: number,
    scale: number,
    shift: number,
    y: number,
    channels: number,
    used: number,
    epsilon: number,
  ];
  // map-attention.ts
  mapAttention: [
    query: number,
    queryStride: number,
    key: number,
    keyStride: number,
    value: number,
    valueStride: number,
    y: number,
    yStride: number,
    scratch: number,
    pixels: number,
    width: number,
    scale: number,
  ];
  // argmax.ts
  argmax: [x: number, indices: number, count: number, stride: number];
  // cached-attention.ts
  cachedAttention: [
    q: number,
    keys: number,
    values: number,
    y: number,
    scratch: number,
    stride: number,
    heads: number,
    kvHeads: number,
    headDim: number,
    capacity: number,
    position: number,
    scale: number,
  ];
  // gate.ts
  gate: [x: number, y: number, width: number, alone: number];
  // product-q4.ts
  quantizeBlocks: [x: number, out: number];
  productQ4: [
    x: number,
    w: number,
    bias: number,
    y: number,
    rows: number,
    blocks: number,
    stride: number,
  ];
  addZeroPoints: [
    x: number,
    zeros: number,
    y: number,
    rows: number,
    blocks: number,
    stride: number,
  ];
  // rms-norm.ts
  addRmsNorm: [
    x: number,
    branch: number,
    gamma: number,
    y: number,
    width: number,
    epsilon: number,
  ];
  // rotary.ts
  rotateIntoCache: [
    qkv: number,
    cos: number,
    sin: number,
    keys: number,
    values: number,
    heads: number,
    kvHeads: number,
    headDim: number,
    rotated: number,
    interleaved: number,
    capacity: number,
    position: number,
  ];
}

type DepthwiseArguments = [
  x: number,
  weight: number,
  bias: number,
  y: number,
  height: number,
  width: number,
  channels: number,
  activation: number,
];

export type KernelName = keyof KernelArguments;

export type Kernels = {
  readonly [Name in KernelName]: (
    ...args: [...KernelArguments[Name], begin: number, end: number]
  ) => void;
};

/** A WebAssembly module with the kernels. */
export interface KernelModule {
  readonly module: WebAssembly.Module;
  /** Whether it uses relaxed SIMD. */
  readonly relaxed: boolean;
}

let relaxed: boolean | undefined;
const modules = new Map<string, Promise<WebAssembly.Module>>();

/** Whether this browser can run the kernels. */
export function supportsKernels(): boolean {
  return WebAssembly.validate(decode(simdCode));
}

function supportsRelaxed(): boolean {
  relaxed ??= WebAssembly.validate(decode(relaxedCode));
  return relaxed;
}

/**
 * Compiles the kernels for memory of one kind.
 * @param shared whether the memory is shared between threads
 * @param useRelaxed relaxed SIMD, which differs in rounding
 */
export async function compileModule(
  shared: boolean,
  useRelaxed = supportsRelaxed(),
): Promise<KernelModule> {
  const key = `${String(shared)} ${String(useRelaxed)}`;
  const found =
    modules.get(key) ??
    WebAssembly.compile(codeFor(useRelaxed ? relaxedCode : simdCode, shared));
  modules.set(key, found);
  return { module: await found, relaxed: useRelaxed };
}

/** Runs on every thread, with the same module and memory. */
export function instantiateKernels(
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
): Kernels {
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  return exports as unknown as Kernels;
}

function decode(base64: string): Uint8Array<ArrayBuffer> {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** The limits of the imported memory: a maximum, and shared. */
const SHARED_LIMITS = 3;
const LIMITS = 1;
/** The end of the import "env"."memory", a memory (2), before its limits. */
const MEMORY_IMPORT = [..."env\x06memory\x02"].map((c) => c.charCodeAt(0));

/** The code imports shared memory; this makes a module for the other kind. */
function codeFor(base64: string, shared: boolean): Uint8Array<ArrayBuffer> {
  const code = decode(base64);
  if (shared) return code;
  const at = code.findIndex((_, start) =>
    MEMORY_IMPORT.every((byte, i) => code[start + i] === byte),
  );
  const limits = at + MEMORY_IMPORT.length;
  if (code[limits] !== SHARED_LIMITS) throw new Error("No shared memory.");
  code[limits] = LIMITS;
  return code;
}

import type { DeviceChoice } from "../../src/shared/models";
import { VlmError } from "../../src/shared/errors";
import { attentionIsCorrect, type AttentionHeads } from "./attention-check";
import { checkOnce } from "./check-cache";
import { Gpu } from "./device";
import { environmentKey } from "./environment-key";
import { loadOrt } from "./runtime";

/** Features that ORT or our kernels use if the adapter has them. */
const WANTED: readonly GPUFeatureName[] = [
  "shader-f16",
  "timestamp-query",
  "subgroups",
];

/** Software adapters that do not set `isFallbackAdapter`. */
const SOFTWARE = /swiftshader|llvmpipe|lavapipe|basic render|\bwarp\b/i;

/** The part of `GPUAdapterInfo` that is used here. */
interface AdapterFacts {
  readonly vendor: string;
  readonly architecture: string;
  readonly description: string;
  readonly isFallbackAdapter: boolean;
}

export function adapterName(info: AdapterFacts): string {
  const { vendor, architecture, description } = info;
  return [vendor, architecture].filter(Boolean).join(" ") || description;
}

/** Why the model must run on WASM; undefined if it can use WebGPU. Throws if the
 * choice is `webgpu` and there is no adapter. */
export function reasonForWasm(
  choice: DeviceChoice,
  info: AdapterFacts | undefined,
): string | undefined {
  if (info === undefined) {
    if (choice === "webgpu")
      throw noAdapter("This browser offers no WebGPU adapter.");
    return "This browser offers no WebGPU adapter, so the model runs on the CPU.";
  }
  if (choice === "webgpu") return undefined;
  const names = `${info.vendor} ${info.architecture} ${info.description}`;
  return info.isFallbackAdapter || SOFTWARE.test(names)
    ? `The only WebGPU adapter, ${adapterName(info)}, is software; WASM on the CPU is many times faster.`
    : undefined;
}

function noAdapter(message: string): VlmError {
  return new VlmError(
    "webgpu-unavailable",
    message,
    "Set device to auto or wasm, or turn on hardware acceleration in the browser's settings.",
  );
}

/** An open device, or the reason for using WASM; no reason if WASM was chosen. */
export type OpenedGpu = { readonly gpu: Gpu } | { readonly reason?: string };

/** Opens a device, which takes ONNX Runtime. `beginRuntime` is called before that is
 * waited for. */
export async function openGpu(
  choice: DeviceChoice,
  heads: AttentionHeads,
  beginRuntime: () => void = () => undefined,
): Promise<OpenedGpu> {
  if (choice === "wasm") return {};
  const adapter = await requestAdapter();
  const reason = reasonForWasm(choice, adapter?.info);
  if (reason !== undefined) return { reason };
  if (adapter === null) return {};
  beginRuntime();
  const tested = await openTested(adapter, heads);
  if (tested instanceof Gpu) return { gpu: tested };
  const name = adapterName(adapter.info);
  if (choice === "webgpu")
    throw noAdapter(`WebGPU cannot be used on ${name}: ${tested}.`);
  const wasm = "so the model runs on the CPU";
  return { reason: `WebGPU cannot be used on ${name} (${tested}), ${wasm}.` };
}

/** A new device like `gpu`, which is closed and has passed the attention check. */
export async function reopenGpu({ device, name }: Gpu): Promise<Gpu> {
  const adapter = await requestAdapter();
  if (adapter === null)
    throw noAdapter(`The WebGPU adapter ${name} is no longer available.`);
  const features = WANTED.filter((feature) => device.features.has(feature));
  return openDevice(adapter, features);
}

export async function requestAdapter(): Promise<GPUAdapter | null> {
  // Undefined in browsers without WebGPU and in insecure contexts.
  const gpu = navigator.gpu as GPU | undefined;
  if (gpu === undefined) return null;
  return gpu.requestAdapter({ powerPreference: "high-performance" });
}

/** Opens a device with all wanted features. If attention is wrong on it, tries
 * again without subgroups. Resolves with what is wrong if that fails, too. */
async function openTested(
  adapter: GPUAdapter,
  heads: AttentionHeads,
): Promise<Gpu | string> {
  // Loaded first, so that a failed download is not blamed on the adapter.
  await loadOrt();
  const features = WANTED.filter((name) => adapter.features.has(name));
  const withoutSubgroups = features.filter((name) => name !== "subgroups");
  const attempts =
    withoutSubgroups.length < features.length
      ? [features, withoutSubgroups]
      : [features];
  let wrong = "";
  for (const attempt of attempts) {
    let gpu: Gpu | undefined;
    try {
      gpu = await openDevice(adapter, attempt);
      if (await checkAttention(gpu, heads)) return gpu;
      wrong = "ONNX Runtime computes attention incorrectly on it";
    } catch (error) {
      wrong = error instanceof Error ? error.message : String(error);
    }
    gpu?.close();
  }
  return wrong;
}

async function checkAttention(
  gpu: Gpu,
  { heads, kvHeads, headDim }: AttentionHeads,
): Promise<boolean> {
  const shape = { heads, kvHeads, headDim };
  const key = await environmentKey(gpu.device, "attention", shape);
  return checkOnce(key, () => gpu.guard(attentionIsCorrect(gpu.device, shape)));
}

async function openDevice(
  adapter: GPUAdapter,
  requiredFeatures: GPUFeatureName[],
): Promise<Gpu> {
  // An adapter can only be used for one device.
  const fresh = (await requestAdapter()) ?? adapter;
  const requiredLimits: Record<string, number> = {};
  for (const limit in fresh.limits) {
    const value = fresh.limits[limit as keyof GPUSupportedLimits];
    if (typeof value === "number") requiredLimits[limit] = value;
  }
  const device = await fresh.requestDevice({
    requiredFeatures,
    requiredLimits,
  });
  return new Gpu(device, adapterName(adapter.info));
}

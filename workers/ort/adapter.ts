import type { DeviceChoice } from "../../src/shared/models";
import { VlmError } from "../../src/shared/errors";
import { attentionIsRight, type Heads } from "./attention-test";
import { Gpu } from "./device";
import { loadOrt } from "./runtime";

/** Features that graphs or kernels use where the adapter has them. */
const WANTED: readonly GPUFeatureName[] = [
  "shader-f16",
  "timestamp-query",
  "subgroups",
];

/** Adapters that are a processor in disguise and do not say so. */
const SOFTWARE = /swiftshader|llvmpipe|lavapipe|basic render|\bwarp\b/i;

/** What is asked of an adapter; a plain object in tests. */
export interface AdapterFacts {
  readonly vendor: string;
  readonly architecture: string;
  readonly description: string;
  readonly isFallbackAdapter: boolean;
}

export function adapterName(info: AdapterFacts): string {
  const { vendor, architecture, description } = info;
  return [vendor, architecture].filter(Boolean).join(" ") || description;
}

/** Why WASM it is, or undefined: WebGPU. Throws if WebGPU was insisted on. */
export function reasonForWasm(
  choice: DeviceChoice,
  info: AdapterFacts | undefined,
): string | undefined {
  if (info === undefined) {
    if (choice === "webgpu")
      throw noAdapter("This browser offers no WebGPU adapter.");
    return "This browser offers no WebGPU adapter, so the model runs on the processor.";
  }
  if (choice === "webgpu") return undefined;
  const names = `${info.vendor} ${info.architecture} ${info.description}`;
  return info.isFallbackAdapter || SOFTWARE.test(names)
    ? `The only WebGPU adapter, ${adapterName(info)}, is software; WASM on the processor is many times quicker.`
    : undefined;
}

function noAdapter(message: string): VlmError {
  return new VlmError(
    "webgpu-unavailable",
    message,
    "Choose the device auto or wasm, or turn on hardware acceleration in the browser's settings.",
  );
}

/** A device to run on, or the reason why there is none; no reason: not asked. */
export type Opened = { readonly gpu: Gpu } | { readonly reason?: string };

export async function openGpu(
  choice: DeviceChoice,
  heads: Heads,
): Promise<Opened> {
  if (choice === "wasm") return {};
  const adapter = await requestAdapter();
  const reason = reasonForWasm(choice, adapter?.info);
  if (reason !== undefined) return { reason };
  if (adapter === null) return {};
  const tested = await openTested(adapter, heads);
  if (tested instanceof Gpu) return { gpu: tested };
  const name = adapterName(adapter.info);
  if (choice === "webgpu") throw noAdapter(`WebGPU on ${name}: ${tested}.`);
  const wasm = "so the model runs on the processor";
  return { reason: `WebGPU cannot be used on ${name} (${tested}), ${wasm}.` };
}

/** Another device like this one, which was tested and is closed. */
export async function reopenGpu({ device, name }: Gpu): Promise<Gpu> {
  const adapter = await requestAdapter();
  if (adapter === null) throw noAdapter(`${name} is not there any more.`);
  const features = WANTED.filter((feature) => device.features.has(feature));
  return openDevice(adapter, features);
}

export async function requestAdapter(): Promise<GPUAdapter | null> {
  // Absent in browsers without WebGPU and in insecure contexts.
  const gpu = navigator.gpu as GPU | undefined;
  if (gpu === undefined) return null;
  return gpu.requestAdapter({ powerPreference: "high-performance" });
}

/** With every wanted feature if attention is right so, else less subgroups;
 * or what is wrong. */
async function openTested(
  adapter: GPUAdapter,
  heads: Heads,
): Promise<Gpu | string> {
  // A runtime that cannot be fetched is not the adapter's fault.
  await loadOrt();
  const features = WANTED.filter((name) => adapter.features.has(name));
  const plain = features.filter((name) => name !== "subgroups");
  const attempts = plain.length < features.length ? [features, plain] : [plain];
  let wrong = "";
  for (const attempt of attempts) {
    let gpu: Gpu | undefined;
    try {
      gpu = await openDevice(adapter, attempt);
      if (await gpu.guard(attentionIsRight(gpu.device, heads))) return gpu;
      wrong = "attention is computed wrongly";
    } catch (error) {
      wrong = error instanceof Error ? error.message : String(error);
    }
    gpu?.close();
  }
  return wrong;
}

async function openDevice(
  adapter: GPUAdapter,
  requiredFeatures: GPUFeatureName[],
): Promise<Gpu> {
  // An adapter gives one device only; a second needs a fresh adapter.
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

import { VlmError } from "../../shared/errors";
import type { Device } from "../../shared/models";

/** The default WebGPU adapter; undefined if there is none. */
async function findAdapter(): Promise<GPUAdapter | undefined> {
  const gpu = (navigator as { gpu?: GPU }).gpu;
  const powerPreference = "high-performance";
  return (await gpu?.requestAdapter({ powerPreference })) ?? undefined;
}

/** Features of the default adapter; empty without WebGPU. */
export async function adapterFeatures(): Promise<ReadonlySet<string>> {
  return (await findAdapter())?.features ?? new Set();
}

/** Why nothing can run on `device`; undefined if it is there. */
export async function missingDevice(
  device: Device,
): Promise<VlmError | undefined> {
  if (device === "wasm" || (await findAdapter())) return undefined;
  return new VlmError(
    "webgpu-unavailable",
    "device “webgpu” is not available: this browser has no WebGPU adapter.",
    "Choose WASM, or a browser and a machine with WebGPU.",
  );
}

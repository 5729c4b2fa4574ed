import type { Device, DeviceChoice } from "../../src/shared/models";
import {
  adapterName,
  reasonForWasm,
  requestAdapter,
  type OpenedGpu,
} from "../ort/adapter";
import { cpuThreads } from "../ort/threads";

/** Where a model would run, as far as that is known before it runs. */
export interface Hardware {
  readonly device: Device;
  /** Why `device` is not the requested or expected one. */
  readonly deviceReason?: string;
  readonly adapter: string;
  /** Whether shaders can compute in half precision. */
  readonly halfPrecision: boolean;
  /** Whether a CPU computes: with WebAssembly, or as a WebGPU adapter. */
  readonly software: boolean;
  /** Bytes of the largest buffer that a shader can read. */
  readonly largestBuffer: number;
  /** Bytes of the largest weight of a matrix product, which ONNX Runtime and the
   * WebGPU backend read in several parts. */
  readonly largestWeight: number;
}

/** Requests an adapter only: a device takes memory, and testing it time. A load
 * may still find that the device does not work. */
export async function detectHardware(choice: DeviceChoice): Promise<Hardware> {
  if (choice === "wasm") return cpuHardware(undefined);
  const adapter = await requestAdapter();
  const reason = reasonForWasm(choice, adapter?.info);
  if (adapter === null || reason !== undefined) return cpuHardware(reason);
  return gpuHardware(adapterName(adapter.info), adapter.info, adapter);
}

export function hardwareOf(opened: OpenedGpu): Hardware {
  if (!("gpu" in opened)) return cpuHardware(opened.reason);
  const { name, device } = opened.gpu;
  return gpuHardware(name, device.adapterInfo, device);
}

function gpuHardware(
  adapter: string,
  info: GPUAdapterInfo,
  { features, limits }: Pick<GPUDevice, "features" | "limits">,
): Hardware {
  return {
    device: "webgpu",
    adapter,
    halfPrecision: features.has("shader-f16"),
    software: reasonForWasm("auto", info) !== undefined,
    largestBuffer: Math.min(
      limits.maxBufferSize,
      limits.maxStorageBufferBindingSize,
    ),
    largestWeight: limits.maxBufferSize,
  };
}

export function cpuHardware(deviceReason: string | undefined): Hardware {
  const threads = cpuThreads();
  return {
    device: "wasm",
    adapter: `CPU, ${threads} ${threads === 1 ? "thread" : "threads"}`,
    halfPrecision: false,
    software: true,
    largestBuffer: Infinity,
    largestWeight: Infinity,
    ...(deviceReason !== undefined && { deviceReason }),
  };
}

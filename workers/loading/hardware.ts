import type { Device, DeviceChoice } from "../../src/shared/models";
import {
  adapterName,
  reasonForWasm,
  requestAdapter,
  type Opened,
} from "../ort/adapter";
import { cpuThreads } from "../ort/threads";

/** What a model would run on, as far as it can be told without running it. */
export interface Hardware {
  readonly device: Device;
  /** Why `device` is not what was asked for or expected. */
  readonly deviceReason?: string;
  readonly adapter: string;
  /** Whether shaders can compute in half precision. */
  readonly halfPrecision: boolean;
  /** A processor, whether it poses as a graphics card or not. */
  readonly software: boolean;
  /** Largest buffer that a shader can read. */
  readonly largestBuffer: number;
}

/** Asks for an adapter only: a device would take memory, and a test of it time.
 * It may still turn out to be unfit when a model is loaded. */
export async function askHardware(choice: DeviceChoice): Promise<Hardware> {
  if (choice === "wasm") return processor(undefined);
  const adapter = await requestAdapter();
  const reason = reasonForWasm(choice, adapter?.info);
  if (adapter === null || reason !== undefined) return processor(reason);
  return graphics(adapterName(adapter.info), adapter.info, adapter);
}

export function hardwareOf(opened: Opened): Hardware {
  if (!("gpu" in opened)) return processor(opened.reason);
  const { name, device } = opened.gpu;
  return graphics(name, device.adapterInfo, device);
}

function graphics(
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
  };
}

function processor(deviceReason: string | undefined): Hardware {
  const threads = cpuThreads();
  return {
    device: "wasm",
    adapter: `CPU, ${threads} ${threads === 1 ? "thread" : "threads"}`,
    halfPrecision: false,
    software: true,
    largestBuffer: Infinity,
    ...(deviceReason !== undefined && { deviceReason }),
  };
}

import type { Device } from "../../index";

export const deviceNames: Readonly<Record<Device, string>> = {
  webgpu: "WebGPU",
  wasm: "WASM",
};

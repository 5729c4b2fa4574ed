import type { Rgb } from "../../../src/shared/color";
import type { Resizer } from "../resize";
import type { Geometry } from "../resize-geometry";
import { paint } from "./resize-golden";

/** A device for textures as large as the adapter's largest. */
export async function openLargeDevice(): Promise<GPUDevice> {
  const adapter = await navigator.gpu.requestAdapter();
  if (adapter === null) throw new Error("These tests need a WebGPU adapter.");
  const { maxTextureDimension2D } = adapter.limits;
  return adapter.requestDevice({ requiredLimits: { maxTextureDimension2D } });
}

/** The image of `paint`. */
export function bitmapOf(width: number, height: number): Promise<ImageBitmap> {
  return createImageBitmap(new ImageData(paint(width, height), width, height));
}

/** The planes that `resizer` computes on `device`. */
export async function resizeOnGpu(
  device: GPUDevice,
  resizer: Resizer,
  source: ImageBitmap | VideoFrame,
  geometry: Geometry,
  background: Rgb = [0, 0, 0],
): Promise<Float32Array> {
  const size = 3 * geometry.size ** 2 * 4;
  const { STORAGE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
  const planes = device.createBuffer({ size, usage: STORAGE | COPY_SRC });
  const back = device.createBuffer({ size, usage: COPY_DST | MAP_READ });
  resizer.run(source, geometry, planes, background);
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(planes, 0, back, 0, size);
  device.queue.submit([encoder.finish()]);
  await back.mapAsync(GPUMapMode.READ);
  const result = new Float32Array(back.getMappedRange().slice(0));
  planes.destroy();
  back.destroy();
  return result;
}

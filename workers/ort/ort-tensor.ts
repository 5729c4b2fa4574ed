import type * as Ort from "onnxruntime-web";
import { Tensor, type TensorData } from "./tensor-data";

type GpuType = Ort.Tensor.GpuBufferDataTypes;

/** A view of `tensor` for ONNX Runtime. */
export function toOrtTensor(ort: typeof Ort, tensor: Tensor): Ort.Tensor {
  const { type, dims, location } = tensor;
  if (location === "cpu") {
    return new ort.Tensor(type as Ort.Tensor.Type, tensor.data, dims);
  }
  const options = { dataType: type as GpuType, dims };
  return ort.Tensor.fromGpuBuffer(tensor.gpuBuffer, options);
}

/** The result of a run. Disposing of it disposes of ORT's tensor. */
export function fromOrtTensor(result: Ort.Tensor): Tensor {
  const { type, dims } = result;
  if (result.location === "gpu-buffer") {
    const { gpuBuffer } = result;
    const dispose = (): void => result.dispose();
    return new Tensor(type, { gpuBuffer, dispose }, dims);
  }
  return new Tensor(type, { data: bitsOf(result) }, dims);
}

/** A Float16Array, where there is one, as bits. */
function bitsOf({ type, data }: Ort.Tensor): TensorData {
  const elements = data as TensorData;
  if (type !== "float16" || elements instanceof Uint16Array) return elements;
  const { buffer, byteOffset, length } = elements;
  return new Uint16Array(buffer, byteOffset, length);
}

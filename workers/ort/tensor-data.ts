import { defined } from "../util/assert";

/** Elements in CPU memory; of float16 and bool tensors, as bits and bytes. */
export type TensorData =
  Float32Array | Uint16Array | Uint8Array | BigInt64Array;

/** Where the elements are. */
type Elements =
  | { readonly data: TensorData }
  | { readonly gpuBuffer: GPUBuffer; readonly dispose?: () => void };

/** An array of numbers in CPU memory or in a buffer of the GPU. It does not depend on
 * ONNX Runtime, so that backends that do without it need not load it. */
export class Tensor {
  /** As ONNX Runtime names it. */
  readonly type: string;
  readonly dims: readonly number[];
  readonly #elements: Elements;

  constructor(type: string, elements: Elements, dims: readonly number[]) {
    this.type = type;
    this.dims = dims;
    this.#elements = elements;
  }

  get location(): "cpu" | "gpu" {
    return "data" in this.#elements ? "cpu" : "gpu";
  }

  /** Number of elements. */
  get size(): number {
    return this.dims.reduce((product, length) => product * length, 1);
  }

  /** The elements of a tensor in CPU memory. */
  get data(): TensorData {
    const data = "data" in this.#elements ? this.#elements.data : undefined;
    return defined(data, "tensor in CPU memory");
  }

  /** The buffer of a tensor on the GPU. */
  get gpuBuffer(): GPUBuffer {
    const buffer =
      "gpuBuffer" in this.#elements ? this.#elements.gpuBuffer : undefined;
    return defined(buffer, "tensor on the GPU");
  }

  /** Frees the buffer if the tensor owns one. */
  dispose(): void {
    if ("gpuBuffer" in this.#elements) this.#elements.dispose?.();
  }
}

/**
 * Counts the WebGPU calls of a thread, the bytes of its buffers and its live
 * objects. Install it before an adapter is requested.
 */
export interface GpuCalls {
  readonly submits: number;
  readonly dispatches: number;
  readonly passes: number;
  readonly copies: number;
  readonly writes: number;
  readonly maps: number;
  /** Bytes mapped for reading. */
  readonly bytesRead: number;
}

export interface GpuUse {
  readonly calls: GpuCalls;
  /** Bytes of buffers, now and at the peak. */
  readonly bytes: number;
  readonly peak: number;
  /** Live objects by type: neither destroyed nor garbage-collected. */
  readonly handles: Readonly<Record<string, number>>;
  /** Requested for the last device. */
  readonly features: readonly string[];
}

/** The use of a counted worker. */
export interface WorkerUse extends GpuUse {
  /** Bytes of WebAssembly memory. */
  readonly wasm: number;
}

type Method = (this: object, ...given: unknown[]) => unknown;

const READ = 1;

/** Object types of a device and the methods that create them. */
const makers = [
  ["GPUBuffer", "createBuffer"],
  ["GPUTexture", "createTexture"],
  ["GPUExternalTexture", "importExternalTexture"],
  ["GPUQuerySet", "createQuerySet"],
  ["GPUBindGroup", "createBindGroup"],
  ["GPUBindGroupLayout", "createBindGroupLayout"],
  ["GPUPipelineLayout", "createPipelineLayout"],
  ["GPUComputePipeline", "createComputePipeline"],
  ["GPUComputePipeline", "createComputePipelineAsync"],
  ["GPUShaderModule", "createShaderModule"],
  ["GPUCommandEncoder", "createCommandEncoder"],
] as const;

export function countGpuCalls(): () => GpuUse {
  const calls = {
    submits: 0,
    dispatches: 0,
    passes: 0,
    copies: 0,
    writes: 0,
    maps: 0,
    bytesRead: 0,
  };
  const sizes = new WeakMap<object, number>();
  let [bytes, peak] = [0, 0];
  let features: readonly string[] = [];
  const freed = (size: number): void => void (bytes -= size);
  const dropped = new FinalizationRegistry(freed);
  const handles: Record<string, number> = {};
  const ended = (type: string): void => {
    handles[type] = (handles[type] ?? 0) - 1;
  };
  const collected = new FinalizationRegistry(ended);

  const count = (type: string, method: string, of: keyof GpuCalls): void => {
    wrap(type, method, (original) => {
      return function (...given) {
        calls[of] += 1;
        return original.apply(this, given);
      };
    });
  };
  count("GPUQueue", "submit", "submits");
  count("GPUQueue", "writeBuffer", "writes");
  count("GPUCommandEncoder", "beginComputePass", "passes");
  count("GPUCommandEncoder", "copyBufferToBuffer", "copies");
  count("GPUComputePassEncoder", "dispatchWorkgroups", "dispatches");
  count("GPUComputePassEncoder", "dispatchWorkgroupsIndirect", "dispatches");

  wrap("GPUBuffer", "mapAsync", (original) => {
    return function (mode, offset = 0, size = undefined) {
      calls.maps += 1;
      if (mode === READ) {
        const rest = (sizes.get(this) ?? 0) - Number(offset);
        calls.bytesRead += size === undefined ? rest : Number(size);
      }
      return original.call(this, mode, offset, size);
    };
  });
  wrap("GPUDevice", "createBuffer", (original) => {
    return function (descriptor) {
      const buffer = original.call(this, descriptor) as object;
      const { size } = descriptor as { size: number };
      sizes.set(buffer, size);
      dropped.register(buffer, size, buffer);
      bytes += size;
      peak = Math.max(peak, bytes);
      return buffer;
    };
  });
  wrap("GPUBuffer", "destroy", (original) => {
    return function () {
      if (dropped.unregister(this)) freed(sizes.get(this) ?? 0);
      return original.call(this);
    };
  });
  for (const [type, method] of makers) {
    const created = (object: object): void => {
      handles[type] = (handles[type] ?? 0) + 1;
      collected.register(object, type, object);
    };
    wrap("GPUDevice", method, (original) => {
      return function (...given) {
        const object = original.apply(this, given) as object;
        if (object instanceof Promise)
          void object.then(created, () => undefined);
        else created(object);
        return object;
      };
    });
    wrap(type, "destroy", (original) => {
      return function () {
        if (collected.unregister(this)) ended(type);
        return original.call(this);
      };
    });
  }
  wrap("GPUAdapter", "requestDevice", (original) => {
    return function (descriptor) {
      const asked = descriptor as { requiredFeatures?: Iterable<string> };
      features = [...(asked.requiredFeatures ?? [])];
      return original.call(this, descriptor);
    };
  });
  return () => ({
    calls: { ...calls },
    bytes,
    peak,
    handles: { ...handles },
    features,
  });
}

/** Wraps a method, if the browser has the type. */
function wrap(
  type: string,
  method: string,
  make: (original: Method) => Method,
): void {
  const found: unknown = Reflect.get(globalThis, type);
  if (typeof found !== "function") return;
  const prototype = found.prototype as Record<string, Method>;
  const original = prototype[method];
  if (original !== undefined) prototype[method] = make(original);
}

export function difference(after: GpuCalls, before: GpuCalls): GpuCalls {
  const calls = { ...after } as Record<keyof GpuCalls, number>;
  for (const name of Object.keys(calls) as (keyof GpuCalls)[]) {
    calls[name] -= before[name];
  }
  return calls;
}

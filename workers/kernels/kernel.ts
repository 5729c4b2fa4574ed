/**
 * Compute pipelines, compiled once for each device and WGSL source. All of our
 * kernels bind their buffers to group 0 in the order they are listed.
 */
const caches = new WeakMap<GPUDevice, Map<string, GPUComputePipeline>>();

export interface Kernel {
  readonly label: string;
  readonly code: string;
}

function pipelineOf(device: GPUDevice, kernel: Kernel): GPUComputePipeline {
  let cache = caches.get(device);
  if (cache === undefined) {
    cache = new Map();
    caches.set(device, cache);
  }
  let pipeline = cache.get(kernel.code);
  if (pipeline === undefined) {
    const { label, code } = kernel;
    const module = device.createShaderModule({ label, code });
    pipeline = device.createComputePipeline({
      label,
      layout: "auto",
      compute: { module },
    });
    cache.set(code, pipeline);
  }
  return pipeline;
}

/** Adds one dispatch of `kernel` over at least `width` x `height` threads. */
export function dispatch(
  device: GPUDevice,
  pass: GPUComputePassEncoder,
  kernel: Kernel,
  resources: readonly GPUBindingResource[],
  width: number,
  height: number,
): void {
  const pipeline = pipelineOf(device, kernel);
  pass.setPipeline(pipeline);
  pass.setBindGroup(
    0,
    device.createBindGroup({
      label: kernel.label,
      layout: pipeline.getBindGroupLayout(0),
      entries: resources.map((resource, binding) => ({ binding, resource })),
    }),
  );
  pass.dispatchWorkgroups(
    Math.ceil(width / TILE_SIDE),
    Math.ceil(height / TILE_SIDE),
  );
}

/** Every kernel declares `@workgroup_size(8, 8)`. */
const TILE_SIDE = 8;

/** A buffer holding `data`. */
export function upload(
  device: GPUDevice,
  label: string,
  data: Int32Array | Uint32Array,
  usage: GPUBufferUsageFlags,
): GPUBuffer {
  const size = Math.max(data.byteLength, 16);
  const buffer = device.createBuffer({
    label,
    size,
    usage,
    mappedAtCreation: true,
  });
  new Uint8Array(buffer.getMappedRange()).set(
    new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  );
  buffer.unmap();
  return buffer;
}

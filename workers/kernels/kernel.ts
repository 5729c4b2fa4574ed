/**
 * Compute pipelines, compiled once for each device and WGSL source. All of our
 * kernels bind their buffers to group 0 in the order they are listed, and must
 * use every one of them.
 */
const caches = new WeakMap<GPUDevice, Map<string, GPUComputePipeline>>();

export interface Kernel {
  readonly label: string;
  readonly code: string;
  /** Values of its `override`s. */
  readonly constants?: Readonly<Record<string, number>>;
}

/** One dispatch, prepared once and encoded as often as wanted. */
export interface Dispatch {
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  readonly workgroups: Workgroups;
}

export type Workgroups = readonly [x: number, y: number, z: number];

/** Compiles `kernel`, where that was not done yet, and binds its buffers. */
export function prepare(
  device: GPUDevice,
  kernel: Kernel,
  resources: readonly GPUBindingResource[],
  workgroups: Workgroups,
): Dispatch {
  const pipeline = pipelineOf(device, kernel);
  const bindGroup = device.createBindGroup({
    label: kernel.label,
    layout: pipeline.getBindGroupLayout(0),
    entries: resources.map((resource, binding) => ({ binding, resource })),
  });
  return { pipeline, bindGroup, workgroups };
}

/** Adds a prepared dispatch to `pass`. */
export function encode(
  pass: GPUComputePassEncoder,
  { pipeline, bindGroup, workgroups }: Dispatch,
): void {
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, bindGroup);
  pass.dispatchWorkgroups(...workgroups);
}

/** Workgroups of 8 x 8 threads over at least `width` x `height` of them. */
export function tiles(width: number, height: number): Workgroups {
  return [Math.ceil(width / 8), Math.ceil(height / 8), 1];
}

function pipelineOf(device: GPUDevice, kernel: Kernel): GPUComputePipeline {
  let cache = caches.get(device);
  if (cache === undefined) {
    cache = new Map();
    caches.set(device, cache);
  }
  const { label, code, constants = {} } = kernel;
  const key = JSON.stringify(constants) + code;
  let pipeline = cache.get(key);
  if (pipeline === undefined) {
    const module = device.createShaderModule({ label, code });
    pipeline = device.createComputePipeline({
      label,
      layout: "auto",
      compute: { module, constants },
    });
    cache.set(key, pipeline);
  }
  return pipeline;
}

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

/** Compute pipelines, compiled once per device and WGSL source. */
const caches = new WeakMap<GPUDevice, Map<string, GPUComputePipeline>>();

/** A compute shader. Its bindings are all in group 0, in order, and all used. */
export interface Kernel {
  readonly label: string;
  readonly code: string;
  /** Values of its `override` declarations. */
  readonly constants?: Readonly<Record<string, number>>;
}

/** A dispatch that can be encoded any number of times. */
export interface KernelDispatch {
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  readonly workgroups: Workgroups;
}

export type Workgroups = readonly [x: number, y: number, z: number];

/** Compiles `kernel`, if necessary, and binds its resources. */
export function prepare(
  device: GPUDevice,
  kernel: Kernel,
  resources: readonly GPUBindingResource[],
  workgroups: Workgroups,
): KernelDispatch {
  const pipeline = pipelineOf(device, kernel);
  const bindGroup = device.createBindGroup({
    label: kernel.label,
    layout: pipeline.getBindGroupLayout(0),
    entries: resources.map((resource, binding) => ({ binding, resource })),
  });
  return { pipeline, bindGroup, workgroups };
}

export function encode(
  pass: GPUComputePassEncoder,
  { pipeline, bindGroup, workgroups }: KernelDispatch,
): void {
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, bindGroup);
  pass.dispatchWorkgroups(...workgroups);
}

/** The workgroups of 8 x 8 threads that cover `width` x `height`. */
export function workgroupsFor(width: number, height: number): Workgroups {
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

/** Creates a buffer with `data`. */
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

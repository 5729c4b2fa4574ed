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

/** Compiles kernels at the same time, before `prepare` needs them. */
export async function compileKernels(
  device: GPUDevice,
  kernels: readonly Kernel[],
): Promise<void> {
  const cache = cacheOf(device);
  const missing = new Map(kernels.map((kernel) => [keyOf(kernel), kernel]));
  for (const key of cache.keys()) missing.delete(key);
  const compiling = [...missing].map(async ([key, kernel]) => {
    const descriptor = describe(device, kernel);
    cache.set(key, await device.createComputePipelineAsync(descriptor));
  });
  // `prepare` tries again, and the device reports the error.
  await Promise.allSettled(compiling);
}

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
  const cache = cacheOf(device);
  const key = keyOf(kernel);
  let pipeline = cache.get(key);
  if (pipeline === undefined) {
    pipeline = device.createComputePipeline(describe(device, kernel));
    cache.set(key, pipeline);
  }
  return pipeline;
}

function cacheOf(device: GPUDevice): Map<string, GPUComputePipeline> {
  const cache = caches.get(device) ?? new Map<string, GPUComputePipeline>();
  caches.set(device, cache);
  return cache;
}

function keyOf({ code, constants = {} }: Kernel): string {
  return JSON.stringify(constants) + code;
}

function describe(
  device: GPUDevice,
  { label, code, constants = {} }: Kernel,
): GPUComputePipelineDescriptor {
  const module = device.createShaderModule({ label, code });
  return { label, layout: "auto", compute: { module, constants } };
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

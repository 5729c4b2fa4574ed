/** The program of a compute pipeline. */
export interface Shader {
  readonly label: string;
  readonly code: string;
}

const shaders = new WeakMap<GPUComputePipeline, Shader>();
const NONE: Shader = { label: "", code: "" };

/** Of a pipeline made since `watchShaders`. */
export function shaderOf(pipeline: GPUComputePipeline): Shader {
  return shaders.get(pipeline) ?? NONE;
}

/**
 * Remembers the programs of the pipelines of `device`. The runtime keeps a
 * pipeline for all of its sessions: a capture finds most of them made.
 */
export function watchShaders(device: GPUDevice): void {
  const modules = new WeakMap<GPUShaderModule, Shader>();
  const createShaderModule = device.createShaderModule.bind(device);
  device.createShaderModule = (descriptor) => {
    const module = createShaderModule(descriptor);
    const { label = "", code } = descriptor;
    modules.set(module, { label, code });
    return module;
  };
  const remember = (
    pipeline: GPUComputePipeline,
    { compute }: GPUComputePipelineDescriptor,
  ): GPUComputePipeline => {
    shaders.set(pipeline, modules.get(compute.module) ?? NONE);
    return pipeline;
  };
  const create = device.createComputePipeline.bind(device);
  device.createComputePipeline = (descriptor) =>
    remember(create(descriptor), descriptor);
  const createAsync = device.createComputePipelineAsync.bind(device);
  device.createComputePipelineAsync = async (descriptor) =>
    remember(await createAsync(descriptor), descriptor);
}

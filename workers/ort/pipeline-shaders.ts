/** The shader module of a compute pipeline. */
export interface PipelineShader {
  readonly label: string;
  readonly code: string;
}

const shaders = new WeakMap<GPUComputePipeline, PipelineShader>();
const UNKNOWN: PipelineShader = { label: "", code: "" };

/** Empty for a pipeline that was created before `watchShaders`. */
export function shaderOf(pipeline: GPUComputePipeline): PipelineShader {
  return shaders.get(pipeline) ?? UNKNOWN;
}

/** Remembers the shaders of all pipelines of `device`, and calls `onCompiled` for
 * each. ORT shares pipelines between its sessions, so a recording cannot see them
 * being created. */
export function watchShaders(device: GPUDevice, onCompiled: () => void): void {
  const modules = new WeakMap<GPUShaderModule, PipelineShader>();
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
    shaders.set(pipeline, modules.get(compute.module) ?? UNKNOWN);
    onCompiled();
    return pipeline;
  };
  const create = device.createComputePipeline.bind(device);
  device.createComputePipeline = (descriptor) =>
    remember(create(descriptor), descriptor);
  const createAsync = device.createComputePipelineAsync.bind(device);
  device.createComputePipelineAsync = async (descriptor) =>
    remember(await createAsync(descriptor), descriptor);
}

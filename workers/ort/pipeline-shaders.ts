import type { DeferredPipeline } from "./deferred-pipeline";

/** The shader module of a compute pipeline. */
export interface PipelineShader {
  readonly label: string;
  readonly code: string;
}

const modules = new WeakMap<GPUShaderModule, PipelineShader>();
const shaders = new WeakMap<
  GPUComputePipeline | DeferredPipeline,
  PipelineShader
>();
const UNKNOWN: PipelineShader = { label: "", code: "" };

/** Empty for a pipeline that was created before `watchShaders`. */
export function shaderOf(
  pipeline: GPUComputePipeline | DeferredPipeline,
): PipelineShader {
  return shaders.get(pipeline) ?? UNKNOWN;
}

export function rememberShader(
  pipeline: GPUComputePipeline | DeferredPipeline,
  { compute }: GPUComputePipelineDescriptor,
): void {
  shaders.set(pipeline, modules.get(compute.module) ?? UNKNOWN);
}

/** Remembers the shaders of all pipelines of `device`, and calls `onCompiled` for
 * each. ORT shares pipelines between its sessions, so a recording cannot see them
 * being created. */
export function watchShaders(device: GPUDevice, onCompiled: () => void): void {
  const createShaderModule = device.createShaderModule.bind(device);
  device.createShaderModule = (descriptor) => {
    const module = createShaderModule(descriptor);
    const { label = "", code } = descriptor;
    modules.set(module, { label, code });
    return module;
  };
  const remember = (
    pipeline: GPUComputePipeline,
    descriptor: GPUComputePipelineDescriptor,
  ): GPUComputePipeline => {
    rememberShader(pipeline, descriptor);
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

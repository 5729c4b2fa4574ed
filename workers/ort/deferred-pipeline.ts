type Create = (
  descriptor: GPUComputePipelineDescriptor,
) => Promise<GPUComputePipeline>;

/**
 * Stands for a pipeline of ONNX Runtime while commands are recorded. A recording
 * executes nothing, and pipelines that our kernels replace are never compiled.
 */
export class DeferredPipeline {
  readonly label: string;
  readonly #descriptor: GPUComputePipelineDescriptor;
  readonly #create: Create;
  #pipeline: Promise<GPUComputePipeline> | undefined;

  constructor(descriptor: GPUComputePipelineDescriptor, create: Create) {
    this.label = descriptor.label ?? "";
    this.#descriptor = descriptor;
    this.#create = create;
  }

  getBindGroupLayout(): DeferredLayout {
    return new DeferredLayout();
  }

  compile(): Promise<GPUComputePipeline> {
    this.#pipeline ??= this.#create(this.#descriptor).catch(
      (error: unknown) => {
        this.#pipeline = undefined;
        throw error;
      },
    );
    return this.#pipeline;
  }
}

/** The layout of bind groups for a deferred pipeline. */
export class DeferredLayout {
  readonly label = "";
}

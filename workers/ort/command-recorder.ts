import { at } from "../util/assert";
import { DeferredLayout, DeferredPipeline } from "./deferred-pipeline";
import {
  rememberShader,
  shaderOf,
  type PipelineShader,
} from "./pipeline-shaders";

/** A number of workgroups, or the buffer that holds it (indirect dispatch). */
type DispatchSize =
  | readonly [x: number, y: number, z: number]
  | { readonly buffer: GPUBuffer; readonly offset: number };

/** One dispatch. ORT binds everything in group 0. */
export interface Dispatch {
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  readonly workgroups: DispatchSize;
}

/** A recorded dispatch, which `compileCommands` makes executable. */
export interface Command {
  readonly pipeline: GPUComputePipeline | DeferredPipeline;
  readonly workgroups: DispatchSize;
  readonly bindings: readonly GPUBindGroupEntry[];
  readonly shader: PipelineShader;
  /** Contents of the bound buffer that was written during the recording. */
  readonly uniforms?: Uint8Array;
}

export interface Recording {
  readonly commands: readonly Command[];
  /** Number of copies between buffers; they are not in `commands`. */
  readonly copies: number;
}

/**
 * Runs `job`, in which ONNX Runtime encodes work for `device`, and returns that
 * work instead of submitting it. ORT's encoders have no labels and ours do: work
 * that we encode meanwhile is submitted.
 */
export async function record(
  device: GPUDevice,
  job: () => Promise<unknown>,
): Promise<Recording> {
  const recorder = new Recorder();
  const undo = recorder.attach(device);
  try {
    await job();
  } finally {
    undo();
  }
  return recorder.recording();
}

/** Compiles the pipelines of `commands` that are not yet compiled, at the same time. */
export function compilePipelines(
  commands: readonly (Command | Dispatch)[],
): Promise<GPUComputePipeline[]> {
  return Promise.all(
    commands.map(async ({ pipeline }) =>
      pipeline instanceof DeferredPipeline ? pipeline.compile() : pipeline,
    ),
  );
}

/** Compiles the pipelines of `commands` and binds their buffers. Dispatches stay as
 * they are. */
export async function compileCommands(
  device: GPUDevice,
  commands: readonly (Command | Dispatch)[],
): Promise<Dispatch[]> {
  const pipelines = await compilePipelines(commands);
  return commands.map((command, i) => {
    if ("bindGroup" in command) return command;
    const { workgroups, bindings, shader } = command;
    const pipeline = at(pipelines, i);
    const bindGroup = device.createBindGroup({
      label: shader.label,
      layout: pipeline.getBindGroupLayout(0),
      entries: [...bindings],
    });
    return { pipeline, bindGroup, workgroups };
  });
}

/** Encodes `commands` in order. */
export function encodeCommands(
  pass: GPUComputePassEncoder,
  commands: readonly Dispatch[],
): void {
  for (const { pipeline, bindGroup, workgroups } of commands) {
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, bindGroup);
    if ("buffer" in workgroups) {
      const { buffer, offset } = workgroups;
      pass.dispatchWorkgroupsIndirect(buffer, offset);
    } else {
      pass.dispatchWorkgroups(...workgroups);
    }
  }
}

class Recorder {
  readonly #dispatches: Pick<
    Command,
    "pipeline" | "workgroups" | "bindings"
  >[] = [];
  readonly #bindings = new Map<GPUBindGroup, GPUBindGroupEntry[]>();
  readonly #written = new Map<GPUBuffer, Uint8Array>();
  readonly #recorded = new WeakSet<GPUCommandBuffer>();
  #copies = 0;

  recording(): Recording {
    const commands = this.#dispatches.map((dispatch): Command => {
      const { pipeline, bindings } = dispatch;
      const [uniforms] = bindings
        .map(({ resource }) => this.#written.get(bufferOf(resource)))
        .filter((bytes) => bytes !== undefined);
      const shader = shaderOf(pipeline);
      return { ...dispatch, shader, ...(uniforms && { uniforms }) };
    });
    return { commands, copies: this.#copies };
  }

  attach(device: GPUDevice): () => void {
    const { queue } = device;
    const undo = [
      hook(device, "createComputePipelineAsync", (create) => (descriptor) => {
        const pipeline = new DeferredPipeline(descriptor, (again) =>
          create.call(device, again),
        );
        rememberShader(pipeline, descriptor);
        // Only passed on to the methods of this class.
        return Promise.resolve(pipeline as unknown as GPUComputePipeline);
      }),
      hook(device, "createBindGroup", (create) => (descriptor) => {
        const layout: unknown = descriptor.layout;
        const group =
          layout instanceof DeferredLayout
            ? ({} as GPUBindGroup)
            : create.call(device, descriptor);
        this.#bindings.set(group, [...descriptor.entries]);
        return group;
      }),
      hook(device, "createCommandEncoder", (create) => (descriptor) => {
        const encoder = create.call(device, descriptor);
        if (encoder.label === "") this.#watch(encoder);
        return encoder;
      }),
      hook(queue, "submit", (submit) => (buffers) => {
        const others = [...buffers].filter((one) => !this.#recorded.has(one));
        if (others.length > 0) submit.call(queue, others);
      }),
      hook(queue, "writeBuffer", (write) => (buffer, offset, ...source) => {
        write.call(queue, buffer, offset, ...source);
        if (offset === 0) this.#written.set(buffer, bytesOf(...source));
      }),
    ];
    return () => {
      for (const each of undo) each();
    };
  }

  #watch(encoder: GPUCommandEncoder): void {
    hook(encoder, "beginComputePass", (begin) => (descriptor) => {
      const pass = begin.call(encoder, descriptor);
      this.#watchPass(pass);
      return pass;
    });
    hook(encoder, "finish", (finish) => (descriptor) => {
      const buffer = finish.call(encoder, descriptor);
      this.#recorded.add(buffer);
      return buffer;
    });
    tap(encoder, "copyBufferToBuffer", () => {
      this.#copies += 1;
    });
  }

  /** Nothing is encoded: the pass is not submitted, and it may have deferred
   * pipelines. */
  #watchPass(pass: GPUComputePassEncoder): void {
    let pipeline: GPUComputePipeline | undefined;
    let bindings: readonly GPUBindGroupEntry[] | undefined;
    const add = (workgroups: DispatchSize): void => {
      if (pipeline === undefined || bindings === undefined) return;
      this.#dispatches.push({ pipeline, bindings, workgroups });
    };
    hook(pass, "setPipeline", () => (next) => {
      pipeline = next;
    });
    hook(pass, "setBindGroup", () => (_index, next?: GPUBindGroup | null) => {
      bindings = next ? this.#bindings.get(next) : undefined;
    });
    hook(pass, "dispatchWorkgroups", () => (x, y = 1, z = 1) => {
      add([x, y, z]);
    });
    hook(pass, "dispatchWorkgroupsIndirect", () => (buffer, offset) => {
      add({ buffer, offset });
    });
  }
}

/** Replaces a method of `object`; returns a function that restores it. */
function hook<T extends object, K extends keyof T>(
  object: T,
  name: K,
  make: (method: T[K]) => T[K],
): () => void {
  const own = Object.getOwnPropertyDescriptor(object, name);
  object[name] = make(object[name]);
  return () => {
    if (own === undefined) Reflect.deleteProperty(object, name);
    else Object.defineProperty(object, name, own);
  };
}

/** Calls `see` with the arguments of each call. */
function tap<T extends object>(
  object: T,
  name: keyof T,
  see: (args: readonly unknown[]) => void,
): void {
  const method = object[name] as CallableFunction;
  const value = (...args: unknown[]): unknown => {
    see(args);
    return Reflect.apply(method, object, args);
  };
  Object.defineProperty(object, name, { value, configurable: true });
}

function bufferOf(resource: GPUBindingResource): GPUBuffer {
  return "buffer" in resource ? resource.buffer : (resource as GPUBuffer);
}

function bytesOf(
  source: GPUAllowSharedBufferSource,
  from = 0,
  size?: number,
): Uint8Array {
  // `from` and `size` count elements of a typed array, or bytes of a buffer.
  const view = ArrayBuffer.isView(source) ? source : new Uint8Array(source);
  const unit = "BYTES_PER_ELEMENT" in view ? Number(view.BYTES_PER_ELEMENT) : 1;
  const at = view.byteOffset + from * unit;
  const length =
    size === undefined ? view.byteLength - from * unit : size * unit;
  return new Uint8Array(view.buffer, at, length).slice();
}

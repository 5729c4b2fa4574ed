/**
 * Models before and after they are loaded: their source, requirements and
 * stored files. Types only, like `protocol.ts`.
 */

/** The three graphs of the published ONNX contract. */
export type Graph = "vision_encoder" | "embed_tokens" | "decoder_model_merged";

/** Precision of a graph. The three of 8 bits are files with the suffixes
 * `_quantized`, `_int8` and `_uint8`. */
export type Dtype = "fp32" | "fp16" | "q8" | "int8" | "uint8" | "q4" | "q4f16";

export type GraphDtypes = Readonly<Record<Graph, Dtype>>;

/** `auto`, which also applies to omitted graphs: the best dtype that the model has
 * and the adapter supports. */
export type DtypeChoice = "auto" | Dtype | Partial<GraphDtypes>;

/** Where the graphs run. */
export type Device = "webgpu" | "wasm";

/** `auto`: WebGPU, or WASM where there is no adapter or only a software one. */
export type DeviceChoice = Device | "auto";

/** A file of a folder on this machine. */
export interface LocalFile {
  /** Relative to the model's folder, with slashes: `onnx/embed_tokens.onnx`. */
  readonly path: string;
  readonly file: Blob;
}

/** Where a model's files are. */
export type ModelSource =
  | {
      /** A hub: `{endpoint}/{id}/resolve/{revision}/{file}`. */
      readonly kind: "hub";
      /** `https://huggingface.co`, without a trailing slash. */
      readonly endpoint: string;
      readonly id: string;
      /** Branch, tag or commit. */
      readonly revision: string;
    }
  | {
      /** A folder on any server. */
      readonly kind: "url";
      /** Absolute, with a trailing slash. */
      readonly url: string;
    }
  | {
      /** A folder on this machine; its files are not copied. */
      readonly kind: "folder";
      readonly name: string;
      readonly files: readonly LocalFile[];
    };

export interface License {
  /** e.g. `apple-amlr`; from the model card or the registry. */
  readonly id: string;
  readonly name: string;
  readonly url?: string;
}

/** A file as its server or manifest describes it. */
export interface ModelFile {
  readonly path: string;
  readonly bytes: number;
  /** In hex; absent if unknown. */
  readonly sha256?: string;
  /** Bytes already stored, which are not downloaded again. */
  readonly kept: number;
}

/** One graph in one dtype, with its external data. */
export interface GraphFiles {
  readonly dtype: Dtype;
  readonly files: readonly ModelFile[];
  readonly bytes: number;
  /** Why this adapter cannot run it; absent if it can. */
  readonly unsupportedReason?: string;
}

/** Estimated memory of a running model, in bytes. */
export interface MemoryEstimate {
  readonly weights: number;
  /** Buffers of the encoder at the chosen size and of the prefill with one
   * image, including its logits. */
  readonly activations: number;
  /** KV cache of `contextTokens` tokens. */
  readonly cache: number;
  readonly contextTokens: number;
  readonly total: number;
}

/** What a model was trained for: the section `fast_vlm` of its config.json, by
 * default the values of FastVLM. */
export interface ModelCapabilities {
  /** Whether it answers follow-up questions: `ask` then sends the earlier questions
   * and answers, too. */
  readonly multiTurn: boolean;
  /** Questions that it answers, to offer to a user. */
  readonly questions: readonly string[];
  /** Encoder input sizes to offer, in pixels. Others run, but the model was not
   * trained for them. */
  readonly sizes: readonly number[];
}

/** Facts about a model that are known before its weights are downloaded. */
export interface ModelReport extends ModelCapabilities {
  readonly name: string;
  readonly source: string;
  /** The commit of the revision; absent if the hub does not report it. */
  readonly commit?: string;
  readonly license?: License;
  readonly layers: number;
  readonly hidden: number;
  readonly size: number;
  readonly contextLength: number;
  readonly device: Device;
  readonly deviceReason?: string;
  readonly adapter: string;
  readonly halfPrecision: boolean;
  readonly graphs: Readonly<Record<Graph, readonly GraphFiles[]>>;
  /** Absent if a graph has no dtype that can run here. */
  readonly recommended?: GraphDtypes;
  /** For each graph, a sentence that explains the recommended dtype. */
  readonly reasons: Readonly<Record<Graph, string>>;
  /** For the requested dtypes, else the recommended ones. */
  readonly chosen?: {
    readonly dtypes: GraphDtypes;
    /** Every file that will be read, including the configuration. */
    readonly files: readonly ModelFile[];
    readonly bytes: number;
    /** Bytes still to download. */
    readonly missing: number;
    readonly memory: MemoryEstimate;
  };
  /** Storage of this site in bytes; absent if the browser does not report it. */
  readonly storage?: { readonly free: number; readonly persistent: boolean };
  /** Why the model cannot run here; absent if it can. */
  readonly unsupportedReason?: string;
}

/** A model with files stored in this browser. */
export interface StoredModel {
  /** Identifies the model for `removeStored`. */
  readonly key: string;
  readonly name: string;
  readonly source: ModelSource;
  readonly commit?: string;
  /** Bytes on disk. */
  readonly bytes: number;
  /** `kept` is less than `bytes` for a file that is not completely downloaded. */
  readonly files: readonly ModelFile[];
}

/** Memory in use, in bytes, without the JavaScript heap. */
export interface MemoryUse {
  /** Buffers and textures of the GPUDevice, including those of ONNX Runtime. */
  readonly gpu: number;
  /** What the bytes of `gpu` are for; absent on WASM. */
  readonly gpuParts?: GpuMemory;
  /** The WebAssembly heap; it never shrinks. */
  readonly wasm: number;
}

/** Bytes on the GPU by what they are for. */
export interface GpuMemory {
  /** Weights and the embedding table, each in the layout that the kernels read. The
   * ORT backend's are part of `runtime`. */
  readonly weights: number;
  /** KV cache. */
  readonly cache: number;
  /** Logits of one position, and of those that verify a draft. */
  readonly logits: number;
  /** Buffers of ONNX Runtime: tensors between the operators of its graphs. */
  readonly runtime: number;
  /** Inputs and outputs of the graphs, the sampler, staging buffers. */
  readonly other: number;
}

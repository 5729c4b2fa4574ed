/**
 * Models before and after they are loaded: where they come from, what they
 * need, what is kept of them. Types only, like `protocol.ts`.
 */

/** The three graphs of the published ONNX contract. */
export type Graph = "vision_encoder" | "embed_tokens" | "decoder_model_merged";

export type Dtype = "fp32" | "fp16" | "q4" | "q4f16";

export type GraphDtypes = Readonly<Record<Graph, Dtype>>;

/** `auto`, also for a graph that is left out: what suits the adapter, of what
 * there is. */
export type DtypeChoice = "auto" | Dtype | Partial<GraphDtypes>;

/** Where the graphs run. */
export type Device = "webgpu" | "wasm";

/** `auto`: WebGPU, or WASM where there is no adapter or only a software one. */
export type DeviceChoice = Device | "auto";

/** A file of a folder on this machine. */
export interface LocalFile {
  /** Below the model's folder, with slashes: `onnx/embed_tokens.onnx`. */
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
      /** A folder on this machine; nothing of it is copied. */
      readonly kind: "folder";
      readonly name: string;
      readonly files: readonly LocalFile[];
    };

export interface License {
  /** e.g. `apple-amlr`; of the model's card or our registry. */
  readonly id: string;
  readonly name: string;
  readonly url?: string;
}

/** A file as its server or manifest describes it. */
export interface ModelFile {
  readonly path: string;
  readonly bytes: number;
  /** Hex; absent if nobody says. */
  readonly sha256?: string;
  /** Bytes of it that need not be downloaded again. */
  readonly kept: number;
}

/** One graph in one dtype, with its external data. */
export interface GraphFiles {
  readonly dtype: Dtype;
  readonly files: readonly ModelFile[];
  readonly bytes: number;
  /** Why this adapter cannot run it; absent if it can. */
  readonly obstacle?: string;
}

/** Bytes that a running model takes. */
export interface MemoryEstimate {
  readonly weights: number;
  /** Buffers of the encoder at the side asked about, and of the prefill of
   * such a picture, its logits included. */
  readonly activations: number;
  /** KV cache of a whole context of `contextTokens`. */
  readonly cache: number;
  readonly contextTokens: number;
  readonly total: number;
}

/** What a model is and costs, told before its weights are downloaded. */
export interface ModelReport {
  readonly name: string;
  readonly source: string;
  /** The commit that the revision named, if the hub tells. */
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
  /** Absent if some graph has no dtype that can run here. */
  readonly recommended?: GraphDtypes;
  /** A sentence for each graph: why that dtype. */
  readonly reasons: Readonly<Record<Graph, string>>;
  /** Of the dtypes asked for, or else recommended. */
  readonly chosen?: {
    readonly dtypes: GraphDtypes;
    /** Every file that will be read, configuration included. */
    readonly files: readonly ModelFile[];
    readonly bytes: number;
    /** Bytes still to download. */
    readonly missing: number;
    readonly memory: MemoryEstimate;
  };
  /** Of this site on this disk; absent where the browser does not tell. */
  readonly storage?: { readonly free: number; readonly persistent: boolean };
  /** What stands in the way of running it here; absent if nothing does. */
  readonly obstacle?: string;
}

/** A model of which something is kept in this browser. */
export interface StoredModel {
  /** For `remove`. */
  readonly key: string;
  readonly name: string;
  readonly source: ModelSource;
  readonly commit?: string;
  /** Bytes on disk. */
  readonly bytes: number;
  /** Files, `kept` less than `bytes` where a download was cut. */
  readonly files: readonly ModelFile[];
}

/** Bytes held; what scripts hold is not told to workers. */
export interface MemoryUse {
  /** Buffers and textures of our GPUDevice, the runtime's included. */
  readonly gpu: number;
  /** The WebAssembly heap; it never shrinks. */
  readonly wasm: number;
}

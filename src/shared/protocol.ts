/**
 * The contract between the page and the worker. Types only: read it first,
 * change it last. Calls go through Comlink; everything that streams goes
 * through one MessagePort, opened once (a proxied callback per frame would
 * open a channel each time).
 *
 * Times are milliseconds of the clock in `clock.ts`, durations milliseconds.
 */

import type {
  Device,
  DeviceChoice,
  DtypeChoice,
  GraphDtypes,
  MemoryUse,
  ModelReport,
  ModelSource,
  StoredModel,
} from "./models";

/** Pixels that can be handed over without a copy. The receiver closes them. */
export type Frame = VideoFrame | ImageBitmap;

/**
 * How graphs run: `fast`: ours, made of the published weights, recorded once
 * and replayed on WebGPU; `plain`: the published ones, as ONNX Runtime runs
 * them. Both say the same.
 */
export type BackendName = "webgpu" | "ort";

/** `auto`: the fast path where it runs and says what the plain one says. */
export type BackendChoice = "auto" | "ort";

export interface LoadOptions {
  readonly model: ModelSource;
  readonly device: DeviceChoice;
  readonly dtype: DtypeChoice;
  readonly backend: BackendChoice;
}

/** What a loaded model is and what it runs on. */
export interface ModelInfo {
  /** `_name_or_path` of config.json, else the folder's name. */
  readonly name: string;
  readonly device: Device;
  /** Why `device` is not what was asked for or expected; absent if it is. */
  readonly deviceReason?: string;
  /** e.g. `google swiftshader`; the CPU's threads on WASM. */
  readonly adapter: string;
  readonly dtypes: GraphDtypes;
  /** Why `dtypes` are not what was asked for; absent if they are. */
  readonly dtypeReason?: string;
  readonly backend: BackendName;
  /** Why `path` is not the fast one; absent if it is, or was not to be. */
  readonly backendReason?: string;
  /** Commit of the hub that it came from, if told. */
  readonly commit?: string;
  /** Why it is an earlier version than its server has; absent if it is not. */
  readonly versionReason?: string;
  /** Side in pixels that the model's preprocessor asks for. */
  readonly size: number;
  /** Longest sequence in tokens: image, prompt and answer together. */
  readonly contextLength: number;
  /** Size of the weights' files, in bytes. */
  readonly bytes: number;
  /** After warming up. */
  readonly memory: MemoryUse;
}

export interface Sampling {
  /** 0: greedy. Above 0: softmax(logits / temperature). */
  readonly temperature: number;
  /** Keep the k likeliest tokens; 0 keeps all. */
  readonly topK: number;
  /** Keep the smallest set of tokens whose probability reaches p; 1: all. */
  readonly topP: number;
  /** Divides positive logits of tokens already used, multiplies negative ones
   * (CTRL, arXiv 1909.05858); 1: off. */
  readonly repetitionPenalty: number;
  /** Same seed, same picture, same prompt: same answer. */
  readonly seed: number;
}

/**
 * How a picture is brought to the encoder's square: `letterbox`: centred on
 * black, as in training (Apple's predict.py); `crop`: its shortest side, then
 * the centre (the published processor); `stretch`: both sides.
 */
export type Fit = "letterbox" | "crop" | "stretch";

/**
 * `reference`: the conversation of Apple's predict.py; `demo`: that of the
 * transformers.js demo page (another system text, no new line after <image>).
 */
export type PromptStyle = "reference" | "demo";

/** A turn of a conversation. Only the user's have pictures. */
export interface Message {
  /** `system`: the first turn only; it stands for the style's own text. */
  readonly role: "system" | "user" | "assistant";
  readonly text: string;
  /** How many of the frames, in their order, belong to this turn. */
  readonly imageCount: number;
}

/** A conversation, as tokens are counted by it. */
export interface PromptInput {
  /** Oldest first. */
  readonly messages: readonly Message[];
  readonly promptStyle: PromptStyle;
  /** Side of the encoder's input in pixels: a multiple of 64. */
  readonly size: number;
  /** Four tiles of a 2x2 grid after an overview, each of `size` pixels: five
   * times the image tokens, for documents (paper, section AnyRes). */
  readonly anyres: boolean;
}

/** What a conversation takes of the model's room. */
export interface TokenCount {
  /** Tokens that its messages add; pictures included. */
  readonly tokens: number;
  /** Tokens that messages and answer may have together. */
  readonly room: number;
}

/**
 * What an answer has to be. `json`: a JSON text that a schema allows (JSON
 * Schema 2020-12, or draft 7), the schema being a boolean or an object.
 * `regex`: a text that the whole of a regular expression of JavaScript matches.
 */
export type Constraint =
  | { readonly type: "json"; readonly schema: unknown }
  | {
      readonly type: "regex";
      readonly source: string;
      readonly flags: string;
    };

/** The last of the messages is the user's. */
export interface GenerateOptions extends PromptInput {
  /** Chosen by the caller; tags every event of this run. */
  readonly requestId: number;
  readonly fit: Fit;
  readonly maxTokens: number;
  readonly sampling: Sampling;
  /** What the answer begins with: the model goes on from there. It is no part
   * of what comes. */
  readonly prefix?: string;
  /** Only tokens are picked that can still lead there; where `maxTokens` come to
   * an end before it does, it is cut. The prefix counts as its beginning. */
  readonly constraint?: Constraint;
  /** Names of the frames, in their order: an equal name is the same picture,
   * and what was made of it is used again. Null, or no list: a new one. */
  readonly imageIds?: readonly (string | null)[];
  /** Try whether the last answer to the same words holds for these pictures,
   * too: if so it is there sooner. Only greedy answers; they stay the same. */
  readonly draft: boolean;
  /**
   * A frame that differs less from the last one encoded passes for that: the
   * largest mean difference of a tile of it, of 0 (off) to 1 (black and white).
   * Not with AnyRes.
   */
  readonly gate: number;
}

/**
 * Durations of one run. Their sum up to the first token is `firstToken`. Where
 * nothing waits between the stages they are the GPU's own, and `firstDecode` is
 * what is left: the way to the GPU and back, and the first token's text.
 */
export interface Timings {
  readonly preprocess: number;
  readonly encode: number;
  readonly prefill: number;
  /** Prefill's logits → first token's text. */
  readonly firstDecode: number;
  /** Frame received → first token's text. */
  readonly firstToken: number;
  /** Frame received → last token. */
  readonly total: number;
  /** Tokens after those that came with the first, per second of decoding; 0 if
   * there are none. */
  readonly tokensPerSecond: number;
}

export type FinishReason = "stop" | "length" | "abort";

/** What became of a run's pictures. */
export interface ImageUse {
  readonly imageTokens: number;
  /** Pictures known by their name, and so not encoded again. */
  readonly reused: number;
  /** Pictures that the gate took for the one before. */
  readonly unchanged: number;
}

export interface Answer extends ImageUse {
  readonly text: string;
  /** Ids generated, the end token not among them. */
  readonly tokenIds: readonly number[];
  readonly finish: FinishReason;
  readonly promptTokens: number;
  readonly timings: Timings;
}

/** What the worker sends through the event port. */
export type WorkerEvent =
  | {
      readonly type: "progress";
      /** Files arrive and are checked; sessions are made; shaders compile. */
      readonly phase: "loading" | "preparing" | "warming";
      /** Bytes of all files of the model; `total` 0 while unknown. */
      readonly loaded: number;
      readonly total: number;
      /** Bytes a second from the network, lately; 0 if nothing comes. */
      readonly rate: number;
      /** Seconds that the rest will take at that rate; absent if unknown. */
      readonly left?: number;
      /** Another tab is downloading; this one waits for it. */
      readonly elsewhere: boolean;
    }
  | (ImageUse & {
      /** The encoder has done its part, or was spared it. */
      readonly type: "image";
      readonly requestId: number;
    })
  | {
      readonly type: "token";
      readonly requestId: number;
      readonly id: number;
      /** Text that this token completes; may be empty inside a character. */
      readonly text: string;
      /** Set on the run's first token only. */
      readonly timings?: Omit<Timings, "total" | "tokensPerSecond">;
    }
  | {
      /** The GPU is gone; the next load makes a new one. */
      readonly type: "device-lost";
      readonly message: string;
    };

/** Where the worker gets what it needs. */
export interface WorkerSettings {
  /** Folder of ONNX Runtime's .mjs and .wasm files, absolute, with a trailing
   * slash; else those that came with the worker. */
  readonly wasmPaths?: string;
  /** Asked instead of the network for the files of models; see `fetching.ts`. */
  readonly fetch?: MessagePort;
}

/** What the worker exposes. Every rejection is a `VlmError`. */
export interface VlmWorker {
  /** Hands over the event port; once, before anything else. */
  connect(events: MessagePort, settings?: WorkerSettings): void;
  /** Replaces the model. A failed load leaves the previous one in place. */
  load(options: LoadOptions): Promise<ModelInfo>;
  /** What a model is and would cost; downloads its small files only. */
  inspect(options: LoadOptions, side?: number): Promise<ModelReport>;
  /** Models of which something is kept in this browser. */
  stored(): Promise<StoredModel[]>;
  /** Deletes what is kept of a model; a loaded one goes on running. */
  remove(key: string): Promise<void>;
  /** Runs are queued; the frames are closed whatever happens. */
  describe(frames: readonly Frame[], options: GenerateOptions): Promise<Answer>;
  /** What messages would take of the loaded model's room; waits for no run. */
  count(conversation: PromptInput): Promise<TokenCount>;
  /** Ends the request before its next token; its answer has finish `abort`. */
  abort(requestId: number): void;
  /** Ends a load in progress: it rejects with `aborted`. */
  abortLoad(): void;
  /** Frees sessions, buffers and the device. */
  dispose(): Promise<void>;
}

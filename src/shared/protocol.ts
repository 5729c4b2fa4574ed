/**
 * The contract between the page and the worker; types only.
 *
 * Calls and their replies go through Comlink. Events are posted on the same
 * channel, so both arrive in one order: all tokens of an answer come before the
 * answer, all progress of a load before its end.
 *
 * Times are in milliseconds on the clock of `clock.ts`, durations in
 * milliseconds.
 */

import type {
  Device,
  DeviceChoice,
  DtypeChoice,
  GraphDtypes,
  MemoryUse,
  ModelCapabilities,
  ModelReport,
  ModelSource,
  StoredModel,
} from "./models";

/** Pixels that can be transferred without a copy. The receiver closes them. */
export type Frame = VideoFrame | ImageBitmap;

/**
 * `ort`: the published graphs, run by ONNX Runtime; the reference. `webgpu`:
 * our graphs of the same weights, recorded once and replayed on WebGPU. `wasm`: our
 * executor of the same weights on the CPU, in WebAssembly. All give the same tokens.
 */
export type BackendName = "webgpu" | "wasm" | "ort";

/** `auto`: `webgpu` or `wasm`, as the device is, where that is supported and gives the
 * reference's tokens. */
export type BackendChoice = "auto" | "ort";

export interface LoadOptions {
  readonly model: ModelSource;
  readonly device: DeviceChoice;
  readonly dtype: DtypeChoice;
  readonly backend: BackendChoice;
}

/** What a loaded model is and what it runs on. */
export interface ModelInfo extends ModelCapabilities {
  /** `_name_or_path` of config.json, else the folder's name. */
  readonly name: string;
  readonly device: Device;
  /** Why `device` is not the requested or expected one; absent if it is. */
  readonly deviceReason?: string;
  /** For example `google swiftshader`; on WASM, the CPU and its threads. */
  readonly adapter: string;
  readonly dtypes: GraphDtypes;
  /** Why `dtypes` are not the requested ones; absent if they are. */
  readonly dtypeReason?: string;
  readonly backend: BackendName;
  /** Why `backend` is `ort` although `auto` was requested. */
  readonly backendReason?: string;
  /** The backend that replaces this one, between two requests, once it is ready and
   * has given the same tokens. Until then, `device` and `adapter` are this one's. */
  readonly preparing?: BackendName;
  /** The hub's commit, if it is known. */
  readonly commit?: string;
  /** Why this is an earlier version than the server's; absent if it is not. */
  readonly versionReason?: string;
  /** Encoder input size, in pixels, that the model was trained for. */
  readonly size: number;
  /** Longest sequence in tokens: image, prompt and answer together. */
  readonly contextLength: number;
  /** Size of the weight files, in bytes. */
  readonly bytes: number;
  /** Measured at the end of the load; requests may take more. */
  readonly memory: MemoryUse;
}

export interface Sampling {
  /** 0: greedy. Above 0: softmax(logits / temperature). */
  readonly temperature: number;
  /** Keeps the k most likely tokens; 0: all. */
  readonly topK: number;
  /** Keeps the smallest set of tokens whose probability reaches p; 1: all. */
  readonly topP: number;
  /** Divides positive logits of tokens already used and multiplies negative
   * ones (CTRL, arXiv 1909.05858); 1: off. */
  readonly repetitionPenalty: number;
  /** The same seed, images and prompt give the same answer. */
  readonly seed: number;
}

/**
 * How an image is fitted into the encoder's square input: `letterbox`: centred
 * on black, as in training (Apple's predict.py); `crop`: the shortest side is
 * fitted and the centre kept (the published processor); `stretch`: both sides
 * are fitted.
 */
export type Fit = "letterbox" | "crop" | "stretch";

/**
 * Chat prompt preset. `reference`: that of Apple's predict.py; `demo`: that of
 * the transformers.js demo page (another system prompt, no new line after
 * `<image>`).
 */
export type PromptStyle = "reference" | "demo";

/** A turn of a conversation. Only user turns have images. */
export interface Message {
  /** `system`: the first turn only; it replaces the preset's system prompt. */
  readonly role: "system" | "user" | "assistant";
  readonly text: string;
  /** How many of the frames, in order, belong to this turn. */
  readonly imageCount: number;
}

/** The parts of a conversation that determine the number of prompt tokens. */
export interface PromptInput {
  /** Oldest first. */
  readonly messages: readonly Message[];
  readonly promptStyle: PromptStyle;
  /** Encoder input size in pixels: a multiple of 64. */
  readonly size: number;
  /** Adds four tiles of a 2x2 grid to the overview, each of `size` pixels: five
   * times the image tokens, for documents (FastVLM paper, section AnyRes). */
  readonly anyres: boolean;
}

export interface TokenCount {
  /** Tokens of the messages, image tokens included; of messages that are much too
   * long, a number above `limit`. */
  readonly tokens: number;
  /** Tokens that messages and answer may have together. */
  readonly limit: number;
}

/**
 * The form of an answer. `json`: a JSON text that matches a schema (JSON Schema
 * 2020-12 or draft 7; a boolean or an object). `regex`: a text that a JavaScript
 * regular expression matches from its beginning to its end.
 */
export type Constraint =
  | { readonly type: "json"; readonly schema: unknown }
  | {
      readonly type: "regex";
      readonly source: string;
      readonly flags: string;
    };

/** The last message is the user's. */
export interface GenerateOptions extends PromptInput {
  readonly fit: Fit;
  /** Colour behind transparent pixels: `white`, `black`, `#rgb` or `#rrggbb`. */
  readonly background: string;
  readonly maxTokens: number;
  readonly sampling: Sampling;
  /** Beginning of the answer, which the model continues; not repeated in it. */
  readonly prefix?: string;
  /** Restricts tokens to those that lead to this form within `maxTokens`. The
   * prefix counts as its beginning. */
  readonly constraint?: Constraint;
  /** One for each frame. An equal id is the same image, whose features are
   * reused. Null, or no list: a new image. */
  readonly imageIds?: readonly (string | null)[];
  /** Verifies the last answer to the same prompt as a draft, which is faster if
   * it still holds. Greedy sampling only; the answer is the same. */
  readonly draft: boolean;
  /**
   * Threshold of the change detector: a frame whose tiles all differ less from
   * the last encoded one reuses its features. Mean difference of a tile, from 0
   * (off) to 1 (black and white). Not with AnyRes.
   */
  readonly gate: number;
  /**
   * Name of the caller. A request about the image that was last answered under this
   * name, or one that the change detector finds equal, ends before prefill, with
   * finish `abort`.
   */
  readonly watcher?: string;
}

/**
 * Durations of one request. Those up to `firstDecode` add up to `firstToken`.
 * Where nothing waits between the stages they are measured on the GPU, and
 * `firstDecode` is the rest: submission, read-back and the first token's text.
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

/** How the images of a request were encoded. */
interface ImageUse {
  readonly imageTokens: number;
  /** Images known by their id, whose features were reused. */
  readonly reused: number;
  /** Images that the change detector found equal to the one before. */
  readonly unchanged: number;
}

export interface Answer extends ImageUse {
  readonly text: string;
  /** Without the end token. */
  readonly tokenIds: readonly number[];
  readonly finish: FinishReason;
  readonly promptTokens: number;
  readonly timings: Timings;
}

/** How far a load has come. */
export interface LoadProgress {
  readonly type: "progress";
  /** Files are downloaded and checked; sessions are created; shaders compile. */
  readonly phase: "loading" | "preparing" | "warming";
  /** Bytes of all files of the model, and of ONNX Runtime unless it is loaded
   * already; `total` is 0 while unknown. */
  readonly loaded: number;
  readonly total: number;
  /** Bytes of the model's files that are not stored yet; absent while unknown. */
  readonly missing?: number;
  /** Recent download rate in bytes per second; 0 while nothing arrives. */
  readonly rate: number;
  /** Estimated seconds to the end of the download; absent if unknown. */
  readonly left?: number;
  /** Another tab is downloading, and this one waits for it. */
  readonly elsewhere: boolean;
  /** Steps of the phase that are done. `preparing`: weights or graphs that are in
   * memory; `warming`: shaders that are compiled. Absent while `loading`. */
  readonly done?: number;
  /** Number of steps of the phase; absent if unknown. */
  readonly steps?: number;
  /** Seconds until the next attempt, while the server limits the number of
   * requests (HTTP 429); absent otherwise. */
  readonly retryIn?: number;
}

/** The progress at the start of a load. */
export const noProgress: LoadProgress = {
  type: "progress",
  phase: "loading",
  loaded: 0,
  total: 0,
  rate: 0,
  elsewhere: false,
};

/** The images of a request are encoded; the answer begins. */
export interface ImageEvent extends ImageUse {
  readonly type: "image";
}

/** One more token of an answer. */
export interface TokenEvent {
  readonly type: "token";
  readonly id: number;
  /** Text that this token completes; empty inside a character. */
  readonly text: string;
  /** With the first token only. */
  readonly timings?: Omit<Timings, "total" | "tokensPerSecond">;
}

/** The GPU is gone; the next load creates another device. */
interface DeviceLostEvent {
  readonly type: "device-lost";
  readonly message: string;
}

/** A load or an inspection waits, because the server limits the number of
 * requests; sent every second. */
interface WaitingEvent {
  readonly type: "waiting";
  /** Seconds until the next attempt; absent when the wait ends. */
  readonly retryIn?: number;
}

/** The model has changed its backend, or keeps the one that it has. */
interface BackendEvent {
  readonly type: "backend";
  readonly info: ModelInfo;
}

export type WorkerEvent =
  | LoadProgress
  | WaitingEvent
  | ImageEvent
  | TokenEvent
  | BackendEvent
  | DeviceLostEvent;

/** A message of the worker that is not a reply of Comlink. */
export interface EventMessage {
  readonly event: WorkerEvent;
  /** Of image and token events. */
  readonly requestId?: number;
}

/** Where the worker loads its files from. */
export interface WorkerSettings {
  /** Absolute URL of the folder of ONNX Runtime's .mjs and .wasm files, with a
   * trailing slash; by default those beside the worker. */
  readonly wasmPaths?: string;
  /** Fetches model files instead of the network; see `fetch-protocol.ts`. */
  readonly fetch?: MessagePort;
}

/** The calls of the worker. Every rejection is a `VlmError`. */
export interface VlmWorker {
  /** Before any other call, if at all. */
  configure(settings: WorkerSettings): void;
  /**
   * Replaces the model between two requests. A load that fails leaves the
   * previous model in place. Another load waits until this one has settled.
   */
  load(options: LoadOptions): Promise<ModelInfo>;
  /** Describes a model and its cost; downloads its small files only. */
  inspect(
    requestId: number,
    options: LoadOptions,
    size?: number,
  ): Promise<ModelReport>;
  /** Lists the models stored in this browser, including incomplete downloads. */
  stored(): Promise<StoredModel[]>;
  /** Deletes stored files of a model; a loaded one keeps running. */
  remove(key: string): Promise<void>;
  /** Answers. Closes the frames in any case. `requestId` marks its events. */
  generate(
    requestId: number,
    frames: readonly Frame[],
    options: GenerateOptions,
  ): Promise<Answer>;
  /** Counts tokens for the loaded model; does not wait for requests. */
  count(conversation: PromptInput): Promise<TokenCount>;
  /** Ends a request before its next token; its answer has finish `abort`. An
   * inspection rejects with `aborted`. */
  abort(requestId: number): void;
  /** Ends a load in progress: it rejects with `aborted`. */
  abortLoad(): void;
  /** Frees sessions, buffers and the device. */
  dispose(): Promise<void>;
}

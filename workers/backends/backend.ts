import { patchSize } from "../../src/shared/options";
import type { Sampling } from "../../src/shared/protocol";
import type { GpuTimer } from "../kernels/gpu-timer";
import type { OnnxGraph } from "../onnx/onnx-reader";
import type { FloatType, Tensor, Tensors } from "../ort/tensor";

/** A graph file and the files with its external data, by the names the graph
 * gives them. */
export interface GraphSource {
  readonly graph: OnnxGraph;
  readonly external: ReadonlyMap<string, Blob>;
}

/**
 * The published graph has a structure or a shape that a backend of our own does not
 * support; the ORT backend runs it. The message names what is not supported.
 */
export class UnsupportedGraph extends Error {}

/** Called before each step of opening a backend; may throw to cancel it. */
export type OnStep = (done: number, steps: number) => void;

/** A model whose graphs a backend can run. Nothing is in memory yet. */
export interface BackendPlan {
  /** On failure nothing stays in memory. */
  open(tensors: Tensors, onStep: OnStep): Promise<Backend>;
}

/** Runs the graphs of one model. */
export interface Backend {
  readonly encoder: Encoder;
  readonly language: LanguageBackend;
  /** Measures stages by GPU timestamps, without waiting for them. The results
   * are in `Generation.laps`. */
  readonly timer?: GpuTimer | undefined;
  /** Bytes of its own WebAssembly memory, which is not ONNX Runtime's. */
  readonly wasmBytes?: () => number;
  /** Frees what encoder and language model share, after both are released. */
  readonly close?: () => void;
}

/** Image tokens of one square of `size` pixels. */
export function imageTokensForSize(size: number): number {
  return (size / patchSize) ** 2;
}

/** The vision encoder (FastViTHD) and its projector. */
export interface Encoder {
  /**
   * [1, 3, size, size] → [1, image tokens, hidden]. The caller disposes of the
   * result. Rejects with `Stopped` when the signal is aborted.
   */
  encode(pixels: Tensor, signal?: AbortSignal): Promise<Tensor>;
  release(): Promise<void>;
}

/** The image features of one image. */
export interface EncodedImage {
  /** Images with the same key have the same features. */
  readonly key: string;
  /** One tensor per tile, [1, image tokens, hidden]. */
  readonly features: readonly Tensor[];
}

/** A conversation as token ids, with places for its images. */
export interface Prompt {
  /** The text around the images: one part more than there are images. */
  readonly texts: readonly (readonly number[])[];
  /** All ids; the image token is repeated for every image position. */
  readonly ids: readonly number[];
}

/** Restricts which tokens may follow, one token at a time. */
export interface TokenMask {
  /**
   * One bit per token id, lowest bit first: 1 if the token may come next. Ids
   * beyond the array may not. Valid until the next call of `take`.
   */
  allowed(): Uint32Array<ArrayBuffer>;
  /** Advances the mask by the token that was sampled. */
  take(id: number): void;
}

export interface GenerationOptions {
  readonly sampling: Sampling;
  readonly constraint?: TokenMask | undefined;
  /** Expected token ids of the answer. They change the speed, never the
   * answer. */
  readonly draft: readonly number[];
  /** Cancels pending calls, which may then reject with `Stopped`. */
  readonly signal?: AbortSignal | undefined;
}

/** [1, rows, vocabulary] on the GPU. */
export interface Logits {
  readonly buffer: GPUBuffer;
  readonly type: FloatType;
  readonly dims: readonly number[];
}

/** The language model. */
export interface LanguageBackend {
  /** Runs the prefill; `images` fill the places of the prompt in order. */
  begin(
    prompt: Prompt,
    images: readonly EncodedImage[],
    options: GenerationOptions,
  ): Promise<Generation>;
  /** Logits of the last step, if the backend keeps them on the GPU. */
  readonly logits?: Logits | undefined;
  release(): Promise<void>;
}

/** GPU milliseconds by stage. */
export type StageDurations = Partial<
  Record<"preprocess" | "encode" | "prefill", number>
>;

/** An answer in progress. */
export interface Generation {
  /** GPU time of the stages up to the first token, if it was measured. */
  readonly laps?: StageDurations;
  /** The next token ids, from 1 to `limit`. Ids after an end token have no
   * meaning. */
  next(limit: number): Promise<readonly number[]>;
  dispose(): void;
}

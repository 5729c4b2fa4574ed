import type { Sampling } from "../../src/shared/protocol";
import type { Float, Tensor } from "../ort/tensor";
import type { Prompt } from "../stages/prompt";

/** What the encoder made of a picture. */
export interface EncodedImage {
  /** Equal keys: equal features. */
  readonly key: string;
  /** One tensor a view, [1, image tokens, hidden]. */
  readonly features: readonly Tensor[];
}

/** What an answer has to come to, token by token. */
export interface TokenMask {
  /** A bit for each token by its id, the lowest of a word first: 1 may come
   * next. What is beyond may not. Good until `take`. */
  allowed(): Uint32Array<ArrayBuffer>;
  /** What came. */
  take(id: number): void;
}

/** How a prompt is continued. */
export interface GenerationOptions {
  readonly sampling: Sampling;
  readonly constraint?: TokenMask | undefined;
  /** What the answer may turn out to be. It changes how soon tokens come, never
   * which. */
  readonly draft: readonly number[];
  /** Ends what is under way, which may then reject with `Stopped`. */
  readonly signal?: AbortSignal | undefined;
}

/** [1, rows, vocabulary] on the GPU. */
export interface Logits {
  readonly buffer: GPUBuffer;
  readonly type: Float;
  readonly dims: readonly number[];
}

/** The language model, whichever way it runs. */
export interface LanguageBackend {
  /** Reads the prompt, each picture in its place. */
  begin(
    prompt: Prompt,
    pictures: readonly EncodedImage[],
    how: GenerationOptions,
  ): Promise<Generation>;
  /** What the last tokens were picked of, where that stays on the GPU. */
  readonly logits?: Logits | undefined;
  release(): Promise<void>;
}

export type StageDurations = Partial<
  Record<"preprocess" | "encode" | "prefill", number>
>;

/** An answer on its way. */
export interface Generation {
  /** What the GPU took up to the first tokens, in ms, if it was measured. */
  readonly laps?: StageDurations;
  /** The next tokens: one at least, `limit` at most. Those after an end token
   * mean nothing. */
  next(limit: number): Promise<readonly number[]>;
  dispose(): void;
}

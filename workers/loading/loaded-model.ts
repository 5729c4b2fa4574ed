import { badOption, VlmError } from "../../src/shared/errors";
import type { MemoryEstimate } from "../../src/shared/models";
import type {
  GenerateOptions,
  LoadOptions,
  ModelInfo,
} from "../../src/shared/protocol";
import type {
  Backend,
  Encoder,
  LanguageBackend,
  TokenMask,
} from "../backends/backend";
import type { Grammar } from "../grammar/grammar";
import type { GpuTimer } from "../kernels/gpu-timer";
import type { ModelConfig } from "../model-files/config";
import type { Tokenizer } from "../model-files/tokenizer";
import type { Gpu } from "../ort/device";
import { measure } from "../ort/memory-use";
import type { Tensors } from "../ort/tensor";
import { ChangeDetector, createFrameDiff } from "../stages/change-detector";
import { AnsweredImages } from "../stages/answered-images";
import { DraftCache } from "../stages/draft-cache";
import { ImageEncoderStage } from "../stages/encode-image";
import { Preprocessor } from "../stages/preprocess";
import type { LoadPlan } from "./load-plan";

/** Added to the end tokens of generation_config.json, which some model folders
 * list incompletely. */
const END_TOKENS = ["<|im_end|>", "<|endoftext|>"];

/** A model on its backend, with the stages and caches that requests use. */
export class LoadedModel {
  /** The options it was loaded with, to load it again. */
  readonly options: LoadOptions;
  readonly needs: MemoryEstimate;
  readonly config: ModelConfig;
  readonly tokenizer: Tokenizer;
  readonly endTokens: ReadonlySet<number>;
  readonly tensors: Tensors;
  readonly preprocessor: Preprocessor;
  readonly encoder: Encoder;
  readonly imageStage: ImageEncoderStage;
  readonly language: LanguageBackend;
  readonly gpuTimer: GpuTimer | undefined;
  readonly drafts = new DraftCache();
  readonly answered = new AnsweredImages();
  readonly #wasmBytes: () => number;
  readonly #closeBackend: () => void;
  readonly #folder: Pick<LoadPlan["metadata"]["folder"], "release">;
  #info: ModelInfo;
  /** Loaded with the first constrained request: few requests are constrained. */
  #grammar: Promise<Grammar> | undefined;

  constructor(
    options: LoadOptions,
    { info, config, tokenizer, needs, metadata }: LoadPlan,
    {
      encoder,
      language,
      timer,
      wasmBytes = () => 0,
      close = () => undefined,
    }: Backend,
    tensors: Tensors,
  ) {
    this.options = options;
    this.#info = info;
    this.needs = needs;
    this.#folder = metadata.folder;
    this.config = config;
    this.tokenizer = tokenizer;
    this.tensors = tensors;
    this.encoder = encoder;
    this.language = language;
    this.gpuTimer = timer;
    this.#wasmBytes = wasmBytes;
    this.#closeBackend = close;
    this.preprocessor = new Preprocessor(tensors, timer);
    const changes = new ChangeDetector(createFrameDiff(tensors));
    this.imageStage = new ImageEncoderStage(
      this.preprocessor,
      encoder,
      changes,
    );
    const named = END_TOKENS.map((name) => tokenizer.idOf(name));
    this.endTokens = new Set(
      [...config.endTokens, ...named].filter((id) => id !== undefined),
    );
  }

  get info(): ModelInfo {
    return this.#info;
  }

  get gpu(): Gpu | undefined {
    return this.tensors.gpu;
  }

  /** Waits until the GPU has done the work of a stage, so that the stage can be
   * timed. Not needed where the GPU measures its stages itself. */
  async settle(): Promise<void> {
    if (this.gpuTimer === undefined) await this.tensors.settle();
  }

  /** The token mask of a request that has a constraint. `limit` is the maximum
   * number of tokens. */
  async constrain(
    { constraint, prefix = "" }: Pick<GenerateOptions, "constraint" | "prefix">,
    limit: number,
  ): Promise<TokenMask | undefined> {
    if (constraint === undefined) return undefined;
    this.#grammar ??= loadGrammar(this.tokenizer, this.endTokens);
    try {
      return (await this.#grammar).constrain(constraint, prefix, limit);
    } catch (error) {
      // The module failed to load: the next request tries again.
      if (!(error instanceof VlmError)) this.#grammar = undefined;
      throw error;
    }
  }

  /** Measures the memory in use for `info`. */
  measureMemory(): void {
    const measured = measure(this.gpu);
    const memory = { ...measured, wasm: measured.wasm + this.#wasmBytes() };
    this.#info = { ...this.#info, memory };
  }

  /** No other backend is being prepared any more. `backendReason`: why not. */
  keepBackend(backendReason: string): void {
    const { preparing: _, ...info } = this.#info;
    this.#info = { ...info, backendReason };
  }

  /** The model stays on the CPU, which answered first. `deviceReason`: why. */
  keepDevice(deviceReason: string): void {
    const { preparing: _, ...info } = this.#info;
    this.#info = { ...info, deviceReason };
  }

  /** Frees everything and releases the model folder. */
  async release(): Promise<void> {
    await this.free();
    this.#folder.release();
  }

  /** Frees sessions, buffers and the device. */
  async free(): Promise<void> {
    this.imageStage.dispose();
    this.preprocessor.dispose();
    this.tensors.dispose();
    await this.encoder.release();
    await this.language.release();
    this.#closeBackend();
    this.gpu?.close();
  }
}

async function loadGrammar(
  tokenizer: Tokenizer,
  [endToken]: Iterable<number>,
): Promise<Grammar> {
  const { Grammar } = await import("../grammar/grammar");
  if (endToken !== undefined) return new Grammar(tokenizer, endToken);
  throw badOption("responseConstraint requires a model with an end token.");
}

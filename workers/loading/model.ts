import type { MemoryEstimate, MemoryUse } from "../../src/shared/models";
import { badOption, VlmError } from "../../src/shared/errors";
import type {
  GenerateOptions,
  LoadOptions,
  ModelInfo,
} from "../../src/shared/protocol";
import type { Grammar } from "../grammar/grammar";
import { DraftCache } from "../stages/draft-cache";
import { ChangeDetector } from "../stages/change-detector";
import type { GpuTimer } from "../kernels/gpu-timer";
import type {
  Backend,
  Encoder,
  LanguageBackend,
  TokenMask,
} from "../backends/backend";
import type { Gpu } from "../ort/device";
import type { Memory } from "../ort/tensor";
import { createFrameDiff } from "../stages/frame-diff";
import { Preprocessor } from "../stages/preprocess";
import { ImageEncoderStage } from "../stages/encode-image";
import type { ModelFolder } from "../store/model-folder";
import type { ModelConfig } from "../model-files/config";
import type { Tokenizer } from "../model-files/tokenizer";

/** What is known of a model before it runs. */
export interface ModelFacts {
  readonly info: ModelInfo;
  readonly config: ModelConfig;
  readonly tokenizer: Tokenizer;
  readonly needs: MemoryEstimate;
  readonly found: { readonly folder: Pick<ModelFolder, "release"> };
}

/** Names of end tokens, for folders whose generation_config lists fewer. */
const END_TOKENS = ["<|im_end|>", "<|endoftext|>"];

/** A loaded model with everything it runs on. */
export class LoadedModel {
  /** What it was loaded with, to load it again. */
  readonly options: LoadOptions;
  readonly needs: MemoryEstimate;
  readonly config: ModelConfig;
  readonly tokenizer: Tokenizer;
  readonly endTokens: ReadonlySet<number>;
  readonly memory: Memory;
  readonly preprocessor: Preprocessor;
  readonly encoder: Encoder;
  readonly sight: ImageEncoderStage;
  readonly language: LanguageBackend;
  readonly timer: GpuTimer | undefined;
  readonly drafts = new DraftCache();
  readonly #folder: Pick<ModelFolder, "release">;
  #info: ModelInfo;
  /** Few answers are constrained: it comes with the first that is. */
  #grammar: Promise<Grammar> | undefined;

  constructor(
    options: LoadOptions,
    { info, config, tokenizer, needs, found }: ModelFacts,
    { encoder, language, timer }: Backend,
    memory: Memory,
  ) {
    this.options = options;
    this.#info = info;
    this.needs = needs;
    this.#folder = found.folder;
    this.config = config;
    this.tokenizer = tokenizer;
    this.memory = memory;
    this.encoder = encoder;
    this.language = language;
    this.timer = timer;
    this.preprocessor = new Preprocessor(memory, timer);
    const gate = new ChangeDetector(createFrameDiff(memory));
    this.sight = new ImageEncoderStage(this.preprocessor, encoder, gate);
    const named = END_TOKENS.map((name) => tokenizer.idOf(name));
    this.endTokens = new Set(
      [...config.endTokens, ...named].filter((id) => id !== undefined),
    );
  }

  get info(): ModelInfo {
    return this.#info;
  }

  get gpu(): Gpu | undefined {
    return this.memory.gpu;
  }

  /** For an answer of `room` tokens at most, if it is to have one. */
  async constrain(
    { constraint, prefix = "" }: Pick<GenerateOptions, "constraint" | "prefix">,
    room: number,
  ): Promise<TokenMask | undefined> {
    if (constraint === undefined) return undefined;
    this.#grammar ??= makeGrammar(this.tokenizer, this.endTokens);
    try {
      return (await this.#grammar).constrain(constraint, prefix, room);
    } catch (error) {
      // A file that did not come may come the next time.
      if (!(error instanceof VlmError)) this.#grammar = undefined;
      throw error;
    }
  }

  measured(memory: MemoryUse): void {
    this.#info = { ...this.#info, memory };
  }

  /** As if it had never been asked anything. */
  forget(): void {
    this.sight.forget();
    this.drafts.forget();
  }

  /** Frees everything, its folder included. */
  async release(): Promise<void> {
    await this.free();
    this.#folder.release();
  }

  /** Frees sessions, buffers and the device. */
  async free(): Promise<void> {
    this.sight.dispose();
    this.preprocessor.dispose();
    this.memory.dispose();
    await this.encoder.release();
    await this.language.release();
    this.gpu?.close();
  }
}

async function makeGrammar(
  tokenizer: Tokenizer,
  [end]: Iterable<number>,
): Promise<Grammar> {
  const { Grammar } = await import("../grammar/grammar");
  if (end !== undefined) return new Grammar(tokenizer, end);
  throw badOption("The model has no end token: no answer can be constrained.");
}

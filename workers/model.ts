import type { MemoryEstimate, MemoryUse } from "../src/shared/models";
import type { LoadOptions, ModelInfo } from "../src/shared/protocol";
import { Drafts } from "./drafts";
import type { Encoder } from "./encode";
import { Gate } from "./gate";
import type { GpuTimer } from "./kernels/gpu-timer";
import type { Language } from "./language";
import type { Gpu } from "./ort/device";
import type { Memory } from "./ort/tensor";
import { meterOf } from "./meter";
import { Preprocessor } from "./preprocess";
import { Sight } from "./see";
import type { ModelFolder } from "./store/folder";
import type { ModelConfig } from "./weights/config";
import type { Tokenizer } from "./weights/tokenizer";

/** A way to run the graphs of a model. */
export interface Path {
  readonly encoder: Encoder;
  readonly language: Language;
  /** Times the stages on the GPU, so that nothing need wait between them; its
   * generations then know the laps before them. */
  readonly timer?: GpuTimer | undefined;
}

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
export class Model {
  /** What it was loaded with, to load it again. */
  readonly options: LoadOptions;
  readonly needs: MemoryEstimate;
  readonly config: ModelConfig;
  readonly tokenizer: Tokenizer;
  readonly endTokens: ReadonlySet<number>;
  readonly memory: Memory;
  readonly preprocessor: Preprocessor;
  readonly encoder: Encoder;
  readonly sight: Sight;
  readonly language: Language;
  readonly timer: GpuTimer | undefined;
  readonly drafts = new Drafts();
  readonly #folder: Pick<ModelFolder, "release">;
  #info: ModelInfo;

  constructor(
    options: LoadOptions,
    { info, config, tokenizer, needs, found }: ModelFacts,
    { encoder, language, timer }: Path,
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
    const gate = new Gate(meterOf(memory));
    this.sight = new Sight(this.preprocessor, encoder, gate);
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

import type { ModelInfo } from "../src/shared/protocol";
import { LanguageModel } from "./language";
import type { Gpu } from "./ort/device";
import type { Session } from "./ort/session";
import type { Memory } from "./ort/tensor";
import { Preprocessor } from "./preprocess";
import type { ModelConfig } from "./weights/config";
import type { Tokenizer } from "./weights/tokenizer";

/** The three graphs of a model. */
export interface Sessions {
  readonly vision: Session;
  readonly embed: Session;
  readonly decoder: Session;
}

/** Names of end tokens, for folders whose generation_config lists fewer. */
const END_TOKENS = ["<|im_end|>", "<|endoftext|>"];

/** A loaded model with everything it runs on. */
export class Model {
  readonly info: ModelInfo;
  readonly config: ModelConfig;
  readonly tokenizer: Tokenizer;
  readonly endTokens: ReadonlySet<number>;
  readonly memory: Memory;
  readonly preprocessor: Preprocessor;
  readonly language: LanguageModel;
  readonly vision: Session;
  readonly #sessions: Sessions;

  constructor(
    info: ModelInfo,
    config: ModelConfig,
    tokenizer: Tokenizer,
    sessions: Sessions,
    memory: Memory,
  ) {
    this.info = info;
    this.config = config;
    this.tokenizer = tokenizer;
    this.memory = memory;
    this.vision = sessions.vision;
    this.#sessions = sessions;
    this.preprocessor = new Preprocessor(memory);
    this.language = new LanguageModel(sessions.embed, sessions.decoder, memory);
    const named = END_TOKENS.map((name) => tokenizer.idOf(name));
    this.endTokens = new Set(
      [...config.endTokens, ...named].filter((id) => id !== undefined),
    );
  }

  get gpu(): Gpu | undefined {
    return this.memory.gpu;
  }

  /** Frees sessions, buffers and the device. */
  async release(): Promise<void> {
    this.preprocessor.dispose();
    this.memory.dispose();
    const { vision, embed, decoder } = this.#sessions;
    for (const session of [vision, embed, decoder]) await session.release();
    this.gpu?.close();
  }
}

import type { GenerateOptions, Frame } from "../../src/shared/protocol";
import type { ChangeDetector } from "./change-detector";
import { FeatureCache } from "./feature-cache";
import type { EncodedImage, Encoder } from "../backends/backend";
import type { Tensor } from "../ort/tensor";
import type { Preprocessor } from "./preprocess";
import { nextTask } from "../util/scheduler";

/** A picture, and how the model came to know it. */
export interface ImageResult {
  readonly picture: EncodedImage;
  readonly how: "encoded" | "reused" | "unchanged";
}

/** What a run has to do with it. */
export interface StageContext {
  readonly signal: AbortSignal;
  /** Ends the stage that was under way. */
  readonly lap: (stage: "preprocess" | "encode") => Promise<void>;
}

/**
 * A frame → a picture: preprocess → encode, for each of its views, unless its
 * name is known or the gate finds nothing new in it.
 */
export class ImageEncoderStage {
  readonly #preprocessor: Preprocessor;
  readonly #encoder: Encoder;
  readonly #gate: ChangeDetector;
  readonly #kept = new FeatureCache();
  /** Encoded in this run. */
  readonly #fresh = new Set<string>();
  #unnamed = 0;
  /** The picture that is kept for the gate only. */
  #gated: string | undefined;

  constructor(
    preprocessor: Preprocessor,
    encoder: Encoder,
    gate: ChangeDetector,
  ) {
    this.#preprocessor = preprocessor;
    this.#encoder = encoder;
    this.#gate = gate;
  }

  /** Undefined if aborted. The picture is good until `endRun`. */
  async see(
    frame: Frame,
    name: string | null,
    options: GenerateOptions,
    { signal, lap }: StageContext,
  ): Promise<ImageResult | undefined> {
    const { fit, anyres, size } = options;
    const key =
      name === null
        ? `#${++this.#unnamed}`
        : JSON.stringify([name, fit, anyres, size]);
    const known = this.#kept.get(key);
    if (known !== undefined) return { picture: known, how: "reused" };

    const gated = options.gate > 0 && !anyres;
    const features: Tensor[] = [];
    try {
      for (const view of this.#preprocessor.views(frame, options)) {
        const pixels = this.#preprocessor.run(frame, view);
        const same = gated && (await this.#gate.sameAs(pixels, options.gate));
        await lap("preprocess");
        await nextTask();
        if (signal.aborted) return undefined;
        const before = same && this.#kept.get(same);
        if (before) return { picture: before, how: "unchanged" };
        features.push(await this.#encoder.encode(pixels, signal));
        if (gated) this.#gate.keep(pixels, key);
        await lap("encode");
      }
      const keep = gated || name !== null;
      const picture = this.#kept.add(key, features.splice(0), keep);
      this.#fresh.add(key);
      if (gated) {
        if (this.#gated !== undefined) this.#kept.letGo(this.#gated);
        this.#gated = name === null ? key : undefined;
      }
      return { picture, how: "encoded" };
    } finally {
      for (const tensor of features) tensor.dispose();
    }
  }

  /** `sound`: something was read that the GPU computed after what it encoded. An
   * encoder that failed may be known by that only. */
  endRun(sound: boolean): void {
    if (!sound) for (const key of this.#fresh) this.#kept.letGo(key);
    this.#fresh.clear();
    this.#kept.trim();
  }

  /** Between two runs: no picture is known any more. */
  forget(): void {
    this.#kept.dispose();
  }

  dispose(): void {
    this.#kept.dispose();
    this.#gate.dispose();
  }
}

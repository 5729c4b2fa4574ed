import type { Frame, GenerateOptions } from "../../src/shared/protocol";
import type { EncodedImage, Encoder } from "../backends/backend";
import type { Tensor } from "../ort/tensor";
import { checkpoint } from "../util/scheduler";
import type { ChangeDetector } from "./change-detector";
import { FeatureCache } from "./feature-cache";
import type { Preprocessor } from "./preprocess";

interface ImageResult {
  readonly image: EncodedImage;
  /** `reused`: cached under its id; `unchanged`: the change detector matched it
   * with the image encoded last. */
  readonly origin: "encoded" | "reused" | "unchanged";
}

interface StageContext {
  readonly signal: AbortSignal;
  /** Called at the end of each stage. */
  readonly endStage: (stage: "preprocess" | "encode") => Promise<void>;
}

/**
 * Frame → image features: preprocesses and encodes each view, unless the frame's
 * id is cached or the change detector finds no difference.
 */
export class ImageEncoderStage {
  readonly #preprocessor: Preprocessor;
  readonly #encoder: Encoder;
  readonly #changes: ChangeDetector;
  readonly #cache = new FeatureCache();
  /** Keys encoded in the current request. */
  readonly #added = new Set<string>();
  #nextKey = 1;
  /** The image without id that is cached for the change detector only. */
  #unnamed: string | undefined;

  constructor(
    preprocessor: Preprocessor,
    encoder: Encoder,
    changes: ChangeDetector,
  ) {
    this.#preprocessor = preprocessor;
    this.#encoder = encoder;
    this.#changes = changes;
  }

  /** The image is valid until `endRequest`. Rejects with `Stopped` when the
   * signal is aborted. */
  async run(
    frame: Frame,
    id: string | null,
    options: GenerateOptions,
    { signal, endStage }: StageContext,
  ): Promise<ImageResult> {
    const { fit, background, anyres, size, gate } = options;
    const key =
      id === null
        ? `#${this.#nextKey++}`
        : JSON.stringify([id, fit, background, anyres, size]);
    const cached = this.#cache.get(key);
    if (cached !== undefined) return { image: cached, origin: "reused" };

    const gated = gate > 0 && !anyres;
    const features: Tensor[] = [];
    try {
      for (const view of this.#preprocessor.views(frame, options)) {
        const pixels = await this.#preprocessor.run(frame, view, options);
        const match = gated && (await this.#changes.match(pixels, gate));
        await endStage("preprocess");
        await checkpoint(signal);
        const previous = match && this.#cache.get(match);
        if (previous) return { image: previous, origin: "unchanged" };
        features.push(await this.#encoder.encode(pixels, signal));
        if (gated) this.#changes.keep(pixels, key);
        await endStage("encode");
      }
      const keep = gated || id !== null;
      const image = this.#cache.add(key, features.splice(0), keep);
      this.#added.add(key);
      if (gated) {
        if (this.#unnamed !== undefined) this.#cache.release(this.#unnamed);
        this.#unnamed = id === null ? key : undefined;
      }
      return { image, origin: "encoded" };
    } finally {
      for (const tensor of features) tensor.dispose();
    }
  }

  /** Pass `keepNew: false` if no later GPU work of the request was read back: a
   * failed encode may show only there. */
  endRequest({ keepNew }: { readonly keepNew: boolean }): void {
    if (!keepNew) for (const key of this.#added) this.#cache.release(key);
    this.#added.clear();
    this.#cache.trim();
  }

  dispose(): void {
    this.#cache.dispose();
    this.#changes.dispose();
  }
}

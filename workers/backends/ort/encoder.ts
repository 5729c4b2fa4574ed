import { patchSize } from "../../../src/shared/options";
import { imageTokensForSize, type Encoder } from "../backend";
import type { OrtSession } from "../../ort/session";
import type { Tensors, Tensor } from "../../ort/tensor";
import { mismatch } from "../../model-files/config";
import { at } from "../../util/assert";

const PIXELS = "pixel_values";
const FEATURES = "image_features";

/** Runs the published vision encoder graph in an ORT session. */
export class OrtEncoder implements Encoder {
  readonly #session: OrtSession;
  readonly #tensors: Tensors;
  readonly #half: boolean;

  constructor(session: OrtSession, tensors: Tensors) {
    this.#session = session;
    this.#tensors = tensors;
    const input = session.inputs.find(({ name }) => name === PIXELS);
    this.#half = input?.type === "float16";
  }

  async encode(pixels: Tensor): Promise<Tensor> {
    const size = at(pixels.dims, 3);
    const half = this.#half;
    const input = half ? this.#tensors.cast(pixels, "float16") : pixels;
    let features: Tensor;
    try {
      const outputs = await this.#session.run({ [PIXELS]: input }, [FEATURES]);
      features = outputs.get(FEATURES);
    } finally {
      // `pixels` is the caller's; only the cast copy is freed here.
      if (half) input.dispose();
    }
    if (features.dims[1] === imageTokensForSize(size)) return features;
    const found = features.dims.join(", ");
    features.dispose();
    throw mismatch(
      `vision_encoder: image_features has the shape [${found}] for an input of ${size} pixels, not one token per ${patchSize} x ${patchSize} pixels.`,
    );
  }

  release(): Promise<void> {
    return this.#session.release();
  }
}

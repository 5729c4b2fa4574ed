import { PATCH, imageTokensForSize, type Encoder } from "../backend";
import type { Session } from "../../ort/session";
import type { Memory, Tensor } from "../../ort/tensor";
import { mismatch } from "../../model-files/config";

const PIXELS = "pixel_values";
const FEATURES = "image_features";

/** The published graph, run by ONNX Runtime. */
export class OrtEncoder implements Encoder {
  readonly #session: Session;
  readonly #memory: Memory;
  readonly #half: boolean;

  constructor(session: Session, memory: Memory) {
    this.#session = session;
    this.#memory = memory;
    const input = session.inputs.find(({ name }) => name === PIXELS);
    this.#half = input?.type === "float16";
  }

  async encode(pixels: Tensor): Promise<Tensor> {
    const side = pixels.dims[3] ?? 0;
    const half = this.#half;
    const cast = half ? this.#memory.cast(pixels, "float16") : pixels;
    let features: Tensor;
    try {
      const outputs = await this.#session.run({ [PIXELS]: cast }, [FEATURES]);
      features = outputs.get(FEATURES);
    } finally {
      // The pixels themselves are kept from frame to frame.
      if (half) cast.dispose();
    }
    if (features.dims[1] === imageTokensForSize(side)) return features;
    const found = features.dims.join(", ");
    features.dispose();
    throw mismatch(
      `vision_encoder: image_features is [${found}] for ${side} pixels, not one token for ${PATCH} pixels a side.`,
    );
  }

  release(): Promise<void> {
    return this.#session.release();
  }
}

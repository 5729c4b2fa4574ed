import { patchSize } from "../../../src/shared/options";
import { imageTokensForSize, type Encoder } from "../backend";
import type { OrtSession } from "../../ort/session";
import type { Tensors, Tensor } from "../../ort/tensor";
import { VlmError } from "../../../src/shared/errors";
import { mismatch } from "../../model-files/config";
import { fixedImageSize } from "../../model-files/graph-contract";
import { at } from "../../util/assert";

const PIXELS = "pixel_values";
const FEATURES = "image_features";

/** Runs the published vision encoder graph in an ORT session. */
export class OrtEncoder implements Encoder {
  readonly #session: OrtSession;
  readonly #tensors: Tensors;
  readonly #half: boolean;
  /** Some exports are for one input size only. */
  readonly #onlySize: number | undefined;

  constructor(session: OrtSession, tensors: Tensors) {
    this.#session = session;
    this.#tensors = tensors;
    const input = session.inputs.find(({ name }) => name === PIXELS);
    this.#half = input?.type === "float16";
    this.#onlySize = fixedImageSize(session);
  }

  async encode(pixels: Tensor): Promise<Tensor> {
    const size = at(pixels.dims, 3);
    const only = this.#onlySize;
    if (only !== undefined && size !== only) throw wrongSize(size, only);
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
    const { dims } = features;
    const tokens = at(dims, -2);
    if (dims.length < 4 && tokens === imageTokensForSize(size)) {
      return dims.length === 3 ? features : this.#withBatch(features, tokens);
    }
    const found = features.dims.join(", ");
    features.dispose();
    throw mismatch(
      `vision_encoder: image_features has the shape [${found}] for an input of ${size} pixels, not one token per ${patchSize} x ${patchSize} pixels.`,
    );
  }

  /** [tokens, hidden] as [1, tokens, hidden]. */
  #withBatch(features: Tensor, tokens: number): Tensor {
    const rows = { tensor: features, from: 0, to: tokens };
    try {
      return this.#tensors.concatRows([rows], at(features.dims, -1));
    } finally {
      features.dispose();
    }
  }

  release(): Promise<void> {
    return this.#session.release();
  }
}

function wrongSize(size: number, only: number): VlmError {
  return new VlmError(
    "unsupported",
    `The vision encoder was exported for images of ${only} pixels only, not ${size}.`,
    `Leave out the option size, or set it to ${only}.`,
  );
}

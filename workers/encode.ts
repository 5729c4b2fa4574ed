import type { DescribeOptions } from "../src/shared/protocol";
import type { Session } from "./ort/session";
import type { Memory, Tensor } from "./ort/tensor";
import { viewCount } from "./views";
import { mismatch } from "./weights/config";

/** Pixels that become one image token, along each side. */
const PATCH = 64;

const PIXELS = "pixel_values";
const FEATURES = "image_features";

function tokensOf(side: number): number {
  return (side / PATCH) ** 2;
}

/** Of one picture, all its views together. */
export function imageTokensOf(
  options: Pick<DescribeOptions, "fit" | "anyres" | "size">,
): number {
  return viewCount(options) * tokensOf(options.size);
}

/** FastViTHD and its projector: pixels → [1, image tokens, hidden]. */
export async function encode(
  session: Session,
  pixels: Tensor,
  memory: Memory,
): Promise<Tensor> {
  const side = pixels.dims[3] ?? 0;
  const input = session.inputs.find(({ name }) => name === PIXELS);
  const half = input?.type === "float16";
  const cast = half ? memory.cast(pixels, "float16") : pixels;
  let features: Tensor;
  try {
    const outputs = await session.run({ [PIXELS]: cast }, [FEATURES]);
    features = outputs.get(FEATURES);
  } finally {
    // The pixels themselves are kept from frame to frame.
    if (half) cast.dispose();
  }
  if (features.dims[1] === tokensOf(side)) return features;
  const found = features.dims.join(", ");
  features.dispose();
  throw mismatch(
    `vision_encoder: image_features is [${found}] for ${side} pixels, not one token for ${PATCH} pixels a side.`,
  );
}

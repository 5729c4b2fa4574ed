import type { Session } from "./ort/session";
import type { Tensor } from "./ort/tensor";
import { mismatch } from "./weights/config";

/** Pixels that become one image token, along each side. */
const PATCH = 64;

export function imageTokensOf(size: number): number {
  return (size / PATCH) ** 2;
}

/** FastViTHD and its projector: pixels → [1, image tokens, hidden]. */
export async function encode(
  session: Session,
  pixels: Tensor,
  size: number,
): Promise<Tensor> {
  const outputs = await session.run({ pixel_values: pixels });
  const features = outputs.get("image_features");
  if (features.dims[1] === imageTokensOf(size)) return features;
  const found = features.dims.join(", ");
  features.dispose();
  throw mismatch(
    `vision_encoder: image_features is [${found}] for ${size} pixels, not one token for ${PATCH} pixels a side.`,
  );
}

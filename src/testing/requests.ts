import type { GenerateRequest } from "../runtime/worker-client";
import type { GenerateOptions, LoadOptions } from "../shared/protocol";

/** A load of a model of that name, as the fake worker takes it. */
export function loadOf(name = "fake"): LoadOptions {
  return {
    model: { kind: "url", url: `http://localhost/models/${name}/` },
    device: "auto",
    dtype: "fp32",
    backend: "auto",
  };
}

/** A question about one picture. */
export function question(text: string): GenerateOptions {
  return {
    messages: [{ role: "user", text, imageCount: 1 }],
    promptStyle: "reference",
    fit: "letterbox",
    anyres: false,
    size: 256,
    maxTokens: 32,
    sampling: {
      temperature: 0,
      topK: 0,
      topP: 1,
      repetitionPenalty: 1,
      seed: 0,
    },
    draft: false,
    gate: 0,
  };
}

export const tinyPicture = (): Promise<ImageBitmap> =>
  createImageBitmap(new ImageData(4, 4));

/** A request about one small image. */
export function request(
  text = "Describe the image.",
  changes: Partial<GenerateRequest> = {},
): GenerateRequest {
  const take = async () => ({ frames: [await tinyPicture()] });
  return { options: question(text), take, ...changes };
}

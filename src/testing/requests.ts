import type { GenerateRequest } from "../runtime/worker-client";
import { greedySampling } from "../shared/options";
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

/** A question about one image. */
export function question(text: string): GenerateOptions {
  return {
    messages: [{ role: "user", text, imageCount: 1 }],
    promptStyle: "reference",
    fit: "letterbox",
    background: "white",
    anyres: false,
    size: 256,
    maxTokens: 32,
    sampling: greedySampling,
    draft: false,
    gate: 0,
  };
}

export const tinyImage = (): Promise<ImageBitmap> =>
  createImageBitmap(new ImageData(4, 4));

/** A request about one small image. */
export function request(
  text = "Describe the image.",
  changes: Partial<GenerateRequest> = {},
): GenerateRequest {
  const take = async () => ({ frames: [await tinyImage()] });
  return { options: question(text), take, ...changes };
}

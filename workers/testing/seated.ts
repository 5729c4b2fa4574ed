import { afterEach, beforeEach, expect, vi } from "vitest";
import { Api } from "../api";
import { loadOptions, options, picture } from "./harness";

export const VISION = "onnx/vision_encoder.onnx";
export const EMBED = "onnx/embed_tokens.onnx";
export const DECODER = "onnx/decoder_model_merged.onnx";

/** Files that a folder may lack. */
export const OPTIONAL = ["generation_config.json", "preprocessor_config.json"];

/** Gives each test a worker's API with a model in it, which has to hold one at
 * its end, whatever was loaded and failed meanwhile. */
export function seatModel(take: (api: Api) => void): void {
  let api: Api;

  beforeEach(async () => {
    api = new Api();
    take(api);
    await api.load(loadOptions);
  });

  afterEach(async () => {
    vi.unstubAllGlobals();
    vi.restoreAllMocks();
    const answer = await api.generate(1, [await picture()], options);
    expect(answer.tokenIds, "a model is in place").toHaveLength(12);
    await api.dispose();
  });
}

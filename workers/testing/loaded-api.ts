import { afterEach, beforeEach, expect, vi } from "vitest";
import { Api } from "../api";
import { loadOptions, options, testImage } from "./harness";

export const VISION = "onnx/vision_encoder.onnx";
export const EMBED = "onnx/embed_tokens.onnx";
export const DECODER = "onnx/decoder_model_merged.onnx";

/** Optional files of a model folder. */
export const OPTIONAL = ["generation_config.json", "preprocessor_config.json"];

/** Gives each test an `Api` with the micro model loaded. After the test, the api
 * must still answer, whatever was loaded or failed. */
export function useLoadedApi(take: (api: Api) => void): void {
  let api: Api;

  beforeEach(async () => {
    api = new Api();
    take(api);
    await api.load(loadOptions);
  });

  afterEach(async () => {
    vi.unstubAllGlobals();
    vi.restoreAllMocks();
    const answer = await api.generate(1, [await testImage()], options);
    expect(answer.tokenIds, "a model is loaded").toHaveLength(12);
    await api.dispose();
  });
}

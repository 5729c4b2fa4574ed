/** Measures the adapter's rates and counts the work of a caption. */
import { VlmError } from "../../src/shared/errors";
import type { Dtype } from "../../src/shared/models";
import { isHalf } from "../../src/shared/options";
import type { RooflineAnswer, RooflineQuestion } from "./messages";
import { measureRates } from "./rates";
import { workOf } from "./work";

self.onmessage = ({ data }: MessageEvent<RooflineQuestion>) => {
  answer(data).then(post, (error: unknown) => {
    post({ failed: VlmError.from(error).message });
  });
};

const post = (message: RooflineAnswer): void => self.postMessage(message);

async function answer({
  model,
  dtypes,
  size,
  promptTokens,
}: RooflineQuestion): Promise<RooflineAnswer> {
  const work = await workOf(model, dtypes, size, promptTokens);
  const device = await openDevice();
  try {
    const { vision_encoder, decoder_model_merged } = dtypes;
    const half = [vision_encoder, decoder_model_merged].some(isHalf);
    const rates = await measureRates(
      device,
      half && device.features.has("shader-f16"),
    );
    const matmulOf = (dtype: Dtype) =>
      (isHalf(dtype) ? rates.matmulHalf : undefined) ?? rates.matmul;
    const ms = (amount: number, rate: number) => (1000 * amount) / rate;
    const { encoder, prefill, tokenBytes } = work;
    const floor = {
      prefill: ms(prefill, matmulOf(decoder_model_merged)),
      token: ms(tokenBytes, rates.copy),
      ...(encoder !== undefined && {
        encoder: ms(encoder, matmulOf(vision_encoder)),
      }),
    };
    return { roofline: { ...rates, work, floor } };
  } finally {
    device.destroy();
  }
}

async function openDevice(): Promise<GPUDevice> {
  const power = { powerPreference: "high-performance" } as const;
  const adapter = await navigator.gpu.requestAdapter(power);
  if (adapter === null)
    throw new Error("This browser offers no WebGPU adapter.");
  const requiredLimits: Record<string, number> = {};
  for (const limit in adapter.limits) {
    const value = adapter.limits[limit as keyof GPUSupportedLimits];
    if (typeof value === "number") requiredLimits[limit] = value;
  }
  const features = ["timestamp-query", "shader-f16"] as const;
  return adapter.requestDevice({
    requiredFeatures: features.filter((name) => adapter.features.has(name)),
    requiredLimits,
  });
}

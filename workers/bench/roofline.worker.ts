/** Measures the rates of the adapter or the processor and counts the work of a caption. */
import { VlmError } from "../../src/shared/errors";
import type { Dtype } from "../../src/shared/models";
import { isHalf } from "../../src/shared/options";
import { isThread, runThread } from "../backends/wasm/thread-pool";
import type { Rates, RooflineAnswer, RooflineQuestion } from "./messages";
import { measureRates } from "./rates";
import { measureWasmRates } from "./wasm-rates";
import { workOf } from "./work";

/** Dtypes of 8-bit integers. */
const INTEGERS: readonly Dtype[] = ["q8", "int8", "uint8"];

if (isThread()) runThread();
else {
  self.onmessage = ({ data }: MessageEvent<RooflineQuestion>) => {
    answer(data).then(post, (error: unknown) => {
      post({ failed: VlmError.from(error).message });
    });
  };
}

const post = (message: RooflineAnswer): void => self.postMessage(message);

async function answer({
  device,
  model,
  dtypes,
  size,
  promptTokens,
}: RooflineQuestion): Promise<RooflineAnswer> {
  const work = await workOf(model, dtypes, size, promptTokens);
  const { vision_encoder, decoder_model_merged } = dtypes;
  const half = [vision_encoder, decoder_model_merged].some(isHalf);
  const rates =
    device === "wasm" ? await measureWasmRates() : await adapterRates(half);
  const ms = (amount: number, rate: number) => (1000 * amount) / rate;
  const { encoder, prefill, tokenBytes } = work;
  const floor = {
    prefill: ms(prefill, decoderRate(rates, decoder_model_merged)),
    token: ms(tokenBytes, rates.copy),
    ...(encoder !== undefined && {
      encoder: ms(encoder, floatRate(rates, vision_encoder)),
    }),
  };
  return { roofline: { ...rates, work, floor } };
}

function floatRate(rates: Rates, dtype: Dtype): number {
  return (isHalf(dtype) ? rates.matmulHalf : undefined) ?? rates.matmul;
}

/** Encoders are computed in floats, decoders in what they are stored in. */
function decoderRate(rates: Rates, dtype: Dtype): number {
  const integers = INTEGERS.includes(dtype) ? rates.matmulInt8 : undefined;
  return integers ?? floatRate(rates, dtype);
}

async function adapterRates(half: boolean): Promise<Rates> {
  const device = await openDevice();
  try {
    return await measureRates(
      device,
      half && device.features.has("shader-f16"),
    );
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

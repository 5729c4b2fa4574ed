/** Measures what the adapter can do, and counts what a caption needs of it. */
import { VlmError } from "../../src/shared/errors";
import type {
  RooflineAnswer,
  RooflineQuestion,
} from "../../src/shared/roofline";
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
  side,
  promptTokens,
}: RooflineQuestion): Promise<RooflineAnswer> {
  const work = await workOf(model, dtypes, side, promptTokens);
  const device = await openDevice();
  try {
    const rates = await measureRates(device);
    const ms = (amount: number, rate: number) => (1000 * amount) / rate;
    const { encoder, prefill, tokenBytes } = work;
    const floor = {
      prefill: ms(prefill, rates.matmul),
      token: ms(tokenBytes, rates.copy),
      ...(encoder !== undefined && { encoder: ms(encoder, rates.matmul) }),
    };
    return { roofline: { ...rates, work, floor } };
  } finally {
    device.destroy();
  }
}

async function openDevice(): Promise<GPUDevice> {
  const power = { powerPreference: "high-performance" } as const;
  const adapter = await navigator.gpu.requestAdapter(power);
  if (adapter === null) throw new Error("There is no WebGPU adapter.");
  const requiredLimits: Record<string, number> = {};
  for (const limit in adapter.limits) {
    const value = adapter.limits[limit as keyof GPUSupportedLimits];
    if (typeof value === "number") requiredLimits[limit] = value;
  }
  const clock = adapter.features.has("timestamp-query");
  return adapter.requestDevice({
    requiredFeatures: clock ? ["timestamp-query"] : [],
    requiredLimits,
  });
}

/** Runs the same model in transformers.js, for comparison. */
import {
  AutoModelForImageTextToText,
  AutoProcessor,
  env,
  load_image,
  type Tensor,
} from "@huggingface/transformers";
import type { Dtype } from "../../src/shared/models";
import wasm from "onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url";

declare global {
  interface Window {
    /** Loads the bundled model, or one of a hub. */
    loadReference: (
      dtype: Dtype,
      place?: { readonly id: string; readonly endpoint: string },
    ) => Promise<void>;
    askReference: (
      url: string,
      question: string,
      maxTokens?: number,
    ) => Promise<number[]>;
  }
}

env.allowRemoteModels = false;
env.allowLocalModels = true;
env.localModelPath = "/models/";
env.useBrowserCache = false;
env.useWasmCache = false;
const backend = env.backends.onnx.wasm;
if (!backend) throw new Error("transformers.js has no wasm backend");
backend.wasmPaths = { wasm: new URL(wasm, location.href).href };

type Processor = Awaited<ReturnType<typeof AutoProcessor.from_pretrained>>;
type Model = Awaited<
  ReturnType<typeof AutoModelForImageTextToText.from_pretrained>
>;
let loaded: { processor: Processor; model: Model } | undefined;

window.loadReference = async (dtype, place) => {
  const id = place?.id ?? "nano";
  if (place !== undefined) {
    env.allowLocalModels = false;
    env.allowRemoteModels = true;
    env.remoteHost = `${place.endpoint}/`;
  }
  loaded = {
    processor: await AutoProcessor.from_pretrained(id),
    model: await AutoModelForImageTextToText.from_pretrained(id, {
      dtype,
      device: "wasm",
    }),
  };
};

window.askReference = async (url, question, maxTokens = 64) => {
  if (!loaded) throw new Error("not loaded");
  const { processor, model } = loaded;
  const prompt = processor.apply_chat_template(
    [
      { role: "system", content: "You are a helpful assistant." },
      { role: "user", content: `<image>\n${question}` },
    ],
    { add_generation_prompt: true },
  );
  const image = await load_image(url);
  const options = { add_special_tokens: false };
  const inputs = (await processor(image, prompt, options)) as {
    input_ids: Tensor;
  };
  const output = (await model.generate({
    ...inputs,
    do_sample: false,
    max_new_tokens: maxTokens,
  })) as Tensor;
  const start = inputs.input_ids.dims.at(-1);
  if (start === undefined) throw new Error("The prompt has no shape.");
  return (output.tolist() as bigint[][]).flatMap((ids) =>
    ids.slice(start).map(Number),
  );
};

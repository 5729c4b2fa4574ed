import { now } from "../src/shared/clock";
import type {
  Answer,
  DescribeOptions,
  FinishReason,
  Frame,
  WorkerEvent,
} from "../src/shared/protocol";
import { decode } from "./decode";
import { encode, imageTokensOf } from "./encode";
import type { Model } from "./model";
import type { Tensor } from "./ort/tensor";
import { prefill } from "./prefill";
import { checkConversation, makePrompt } from "./prompt";
import { Sampler } from "./sampling";
import { nextTask } from "./task";
import { Stopwatch } from "./stopwatch";
import { Detokenizer } from "./weights/detokenizer";

/** Frames and a conversation about them to the next turn of it: preprocess →
 * encode, for each view of each frame, → prefill → decode. */
export async function describe(
  model: Model,
  frames: readonly Frame[],
  options: DescribeOptions,
  signal: AbortSignal,
  emit: (event: WorkerEvent) => void,
  { endTokens }: Pick<Model, "endTokens"> = model,
): Promise<Answer> {
  const { tokenizer, memory, language, config } = model;
  const { run, maxTokens } = options;
  const { contextLength } = config;
  const perFrame = imageTokensOf(options);
  const imageTokens = perFrame * frames.length;
  const watch = new Stopwatch(now);
  const tokenIds: number[] = [];
  let text = "";
  const finishAs = (finish: FinishReason): Answer => ({
    text,
    tokenIds,
    finish,
    imageTokens,
    promptTokens: prompt.ids.length,
    timings: watch.timings(tokenIds.length),
  });

  checkConversation(frames, options);
  const prompt = makePrompt(tokenizer, options, perFrame, contextLength);
  const pictures: Tensor[][] = [];
  const cache = language.newCache();
  try {
    for (const frame of frames) {
      const features: Tensor[] = [];
      pictures.push(features);
      for (const view of model.preprocessor.views(frame, options)) {
        const pixels = model.preprocessor.run(frame, view);
        await memory.settle();
        watch.lap("preprocess");
        await nextTask();
        if (signal.aborted) return finishAs("abort");
        features.push(await encode(model.vision, pixels, memory));
        await memory.settle();
        watch.lap("encode");
      }
      frame.close();
    }
    const { preprocess, encode: encoding } = watch.laps;
    emit({ type: "image", run, imageTokens, preprocess, encode: encoding });
    await nextTask();
    if (signal.aborted) return finishAs("abort");

    const logits = await prefill(language, memory, prompt, pictures, cache);
    watch.lap("prefill");

    const detokenizer = new Detokenizer((ids) => tokenizer.decode(ids));
    const sampler = new Sampler(options.sampling, prompt.ids);
    const rules = { endTokens, maxTokens, contextLength, signal };
    const tokens = decode(language, cache, logits, sampler, rules);
    for (;;) {
      const { value, done } = await tokens.next();
      const first = watch.token();
      if (done === true) {
        text += detokenizer.flush();
        return finishAs(value);
      }
      const piece = detokenizer.push(value);
      text += piece;
      tokenIds.push(value);
      const token = { type: "token", run, id: value, text: piece } as const;
      emit(first === undefined ? token : { ...token, timings: first });
    }
  } finally {
    for (const features of pictures.flat()) features.dispose();
    cache.dispose();
  }
}

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
import { prefill } from "./prefill";
import { makePrompt } from "./prompt";
import { badOption, Sampler } from "./sampling";
import { nextTask } from "./task";
import { Stopwatch } from "./stopwatch";
import { Detokenizer } from "./weights/detokenizer";

/** One frame, one answer: preprocess → encode → prefill → decode. */
export async function describe(
  model: Model,
  frames: readonly Frame[],
  options: DescribeOptions,
  signal: AbortSignal,
  emit: (event: WorkerEvent) => void,
  { endTokens }: Pick<Model, "endTokens"> = model,
): Promise<Answer> {
  const { tokenizer, memory, language, config } = model;
  const { run, size, maxTokens } = options;
  const { contextLength } = config;
  const imageTokens = imageTokensOf(size);
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

  const prompt = makePrompt(
    tokenizer,
    options.messages.at(-1)?.text ?? "",
    imageTokens,
    contextLength,
  );
  const [frame] = frames;
  if (frame === undefined) throw badOption("A picture is needed.");
  const pixels = model.preprocessor.run(frame, size);
  frame.close();
  await memory.settle();
  watch.lap("preprocess");
  await nextTask();
  if (signal.aborted) return finishAs("abort");

  const features = await encode(model.vision, pixels, size);
  const cache = language.newCache();
  try {
    await memory.settle();
    watch.lap("encode");
    const { preprocess, encode } = watch.laps;
    emit({ type: "image", run, imageTokens, preprocess, encode });
    await nextTask();
    if (signal.aborted) return finishAs("abort");

    const logits = await prefill(language, memory, prompt, features, cache);
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
    features.dispose();
    cache.dispose();
  }
}

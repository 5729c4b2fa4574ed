import { now } from "../src/shared/clock";
import type {
  Answer,
  DescribeOptions,
  FinishReason,
  Frame,
  WorkerEvent,
} from "../src/shared/protocol";
import { decode } from "./decode";
import { imageTokensOf } from "./encode";
import type { Generation, Picture } from "./language";
import type { Model } from "./model";
import { checkConversation, makePrompt } from "./prompt";
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
  const { tokenizer, memory, encoder, language, config } = model;
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
  const room = Math.min(maxTokens, contextLength - prompt.ids.length + 1);
  const pictures: Picture[] = [];
  let generation: Generation | undefined;
  try {
    for (const frame of frames) {
      const features: Picture["features"][number][] = [];
      pictures.push({ key: crypto.randomUUID(), features });
      for (const view of model.preprocessor.views(frame, options)) {
        const pixels = model.preprocessor.run(frame, view);
        await memory.settle();
        watch.lap("preprocess");
        await nextTask();
        if (signal.aborted) return finishAs("abort");
        features.push(await encoder.encode(pixels));
        await memory.settle();
        watch.lap("encode");
      }
      frame.close();
    }
    const { preprocess, encode: encoding } = watch.laps;
    emit({ type: "image", run, imageTokens, preprocess, encode: encoding });
    await nextTask();
    if (signal.aborted) return finishAs("abort");

    const how = { sampling: options.sampling, draft: [] };
    generation = await language.begin(prompt, pictures, how);
    watch.lap("prefill");

    const detokenizer = new Detokenizer((ids) => tokenizer.decode(ids));
    const tokens = decode(generation, { endTokens, room, signal });
    for (;;) {
      const { value, done } = await tokens.next();
      const first = watch.token();
      if (done === true) {
        text += detokenizer.flush();
        return finishAs(value);
      }
      value.forEach((id, i) => {
        const piece = detokenizer.push(id);
        text += piece;
        tokenIds.push(id);
        const token = { type: "token", run, id, text: piece } as const;
        const timed = i === 0 && first !== undefined;
        emit(timed ? { ...token, timings: first } : token);
      });
    }
  } finally {
    generation?.dispose();
    for (const { features } of pictures) {
      for (const tensor of features) tensor.dispose();
    }
  }
}

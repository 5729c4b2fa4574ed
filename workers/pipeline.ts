import { now } from "../src/shared/clock";
import type {
  Answer,
  FinishReason,
  Frame,
  GenerateOptions,
  WorkerEvent,
} from "../src/shared/protocol";
import type { EncodedImage, Generation } from "./backends/backend";
import type { LoadedModel } from "./loading/loaded-model";
import { decode } from "./stages/decode";
import { makePrompt } from "./stages/prompt";
import { imageTokenCount } from "./stages/tiling";
import { StageTimer } from "./stages/timings";
import { TokenStream } from "./stages/token-stream";
import { checkpoint, Stopped } from "./util/scheduler";

/**
 * Answers one request.
 *
 *     frames   → preprocess → encode ─┐
 *     messages → prompt ──────────────┴→ prefill → decode → token stream
 *
 * Closes each frame as soon as it is encoded. An aborted request resolves with
 * the tokens so far and `finish: "abort"`, and so does a watcher's request about
 * an unchanged image.
 */
export async function generate(
  model: LoadedModel,
  frames: readonly Frame[],
  options: GenerateOptions,
  signal: AbortSignal,
  emit: (event: WorkerEvent) => void,
): Promise<Answer> {
  const { tokenizer, imageStage, language, drafts, answered, endTokens } =
    model;
  const { contextLength } = model.config;
  const { sampling, maxTokens, watcher } = options;

  const tokensPerImage = imageTokenCount(options);
  const imageUse = {
    imageTokens: tokensPerImage * frames.length,
    reused: 0,
    unchanged: 0,
  };
  const prompt = makePrompt(tokenizer, options, tokensPerImage, contextLength);
  const promptTokens = prompt.ids.length;
  // The last token is not fed back, so it needs no position in the context.
  const limit = Math.min(maxTokens, contextLength - promptTokens + 1);
  const constraint = await model.constrain(options, limit);

  const stream = new TokenStream(tokenizer);
  const timer = new StageTimer(now);
  model.gpuTimer?.restart();
  const endStage = async (stage: "preprocess" | "encode"): Promise<void> => {
    await model.settle();
    timer.lap(stage);
  };
  let generation: Generation | undefined;
  let finish: FinishReason;
  try {
    const images: EncodedImage[] = [];
    for (const [i, frame] of frames.entries()) {
      const id = options.imageIds?.[i] ?? null;
      const context = { signal, endStage };
      const { image, origin } = await imageStage.run(
        frame,
        id,
        options,
        context,
      );
      frame.close();
      images.push(image);
      if (origin !== "encoded") imageUse[origin] += 1;
    }
    emit({ type: "image", ...imageUse });
    await checkpoint(signal);
    const keys = images.map(({ key }) => key).join();
    if (watcher !== undefined && answered.isLast(watcher, keys)) {
      throw new Stopped();
    }

    const cached = options.draft ? drafts.get(prompt, sampling) : [];
    const draft = cached.slice(0, limit - 1);
    const how = { sampling, draft, constraint, signal };
    generation = await language.begin(prompt, images, how);
    timer.lap("prefill");
    if (generation.laps !== undefined) timer.measured(generation.laps);

    const rules = { endTokens, limit, signal };
    finish = await decode(generation, rules, (ids) => {
      const firstTimings = timer.tokens(ids.length);
      for (const token of stream.push(ids, firstTimings)) emit(token);
    });
    timer.tokens(0);
    drafts.set(prompt, sampling, stream.tokenIds);
    if (watcher !== undefined) answered.set(watcher, keys);
  } catch (error) {
    if (!(error instanceof Stopped)) throw error;
    timer.stop();
    finish = "abort";
  } finally {
    generation?.dispose();
    imageStage.endRequest({ keepNew: generation !== undefined });
  }
  stream.end();
  const { text, tokenIds } = stream;
  const timings = timer.timings();
  return { text, tokenIds, finish, ...imageUse, promptTokens, timings };
}

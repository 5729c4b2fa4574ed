import { now } from "../src/shared/clock";
import type {
  Answer,
  GenerateOptions,
  FinishReason,
  Frame,
  WorkerEvent,
} from "../src/shared/protocol";
import { decode } from "./stages/decode";
import { imageTokenCount } from "./stages/tiling";
import type { Generation, EncodedImage } from "./backends/backend";
import type { LoadedModel } from "./loading/model";
import { checkConversation, makePrompt } from "./stages/prompt";
import { TokenStream } from "./stages/token-stream";
import { StageTimer } from "./stages/timings";
import { nextTask, Stopped } from "./util/scheduler";

/** Frames and a conversation about them to the next turn of it: see, each
 * frame, → prefill → decode. */
export async function describe(
  model: LoadedModel,
  frames: readonly Frame[],
  options: GenerateOptions,
  signal: AbortSignal,
  emit: (event: WorkerEvent) => void,
  { endTokens }: Pick<LoadedModel, "endTokens"> = model,
): Promise<Answer> {
  checkConversation(frames, options);
  const { tokenizer, memory, sight, language, timer, drafts, config } = model;
  const { requestId, maxTokens, sampling } = options;
  const perFrame = imageTokenCount(options);
  const prompt = makePrompt(tokenizer, options, perFrame, config.contextLength);
  const promptTokens = prompt.ids.length;
  const room = Math.min(maxTokens, config.contextLength - promptTokens + 1);
  const constraint = await model.constrain(options, room);
  const watch = new StageTimer(now);
  timer?.restart();
  const speech = new TokenStream(tokenizer);
  const imageTokens = perFrame * frames.length;
  const seen = { imageTokens, reused: 0, unchanged: 0 };
  const finishAs = (finish: FinishReason): Answer => {
    const { text, tokenIds } = speech;
    const timings = watch.timings();
    return { text, tokenIds, finish, ...seen, promptTokens, timings };
  };
  const lap = async (stage: "preprocess" | "encode"): Promise<void> => {
    if (timer === undefined) await memory.settle();
    watch.lap(stage);
  };

  const pictures: EncodedImage[] = [];
  let generation: Generation | undefined;
  try {
    for (const [i, frame] of frames.entries()) {
      const name = options.imageIds?.[i] ?? null;
      const sighting = await sight.see(frame, name, options, { signal, lap });
      frame.close();
      if (sighting === undefined) return finishAs("abort");
      pictures.push(sighting.picture);
      if (sighting.how !== "encoded") seen[sighting.how] += 1;
    }
    emit({ type: "image", requestId, ...seen });
    await nextTask();
    if (signal.aborted) return finishAs("abort");

    const guess = options.draft ? drafts.of(prompt, sampling) : [];
    const draft = guess.slice(0, room - 1);
    const how = { sampling, draft, constraint, signal };
    generation = await language.begin(prompt, pictures, how);
    watch.lap("prefill");
    if (generation.laps !== undefined) watch.measured(generation.laps);

    const tokens = decode(generation, { endTokens, room, signal });
    for (;;) {
      const { value, done } = await tokens.next();
      if (done === true) {
        speech.end();
        if (value === "abort") {
          watch.stopped();
        } else {
          watch.tokens(0);
          drafts.remember(prompt, sampling, speech.tokenIds);
        }
        return finishAs(value);
      }
      const first = watch.tokens(value.length);
      for (const token of speech.say(requestId, value, first)) emit(token);
    }
  } catch (error) {
    if (!(error instanceof Stopped)) throw error;
    speech.end();
    watch.stopped();
    return finishAs("abort");
  } finally {
    generation?.dispose();
    sight.endRun(generation !== undefined);
  }
}

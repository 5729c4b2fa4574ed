import { now } from "../../shared/clock";
import { difference } from "../../../workers/bench/gpu-calls";
import type { Answer, LoadOptions, ModelInfo } from "../../shared/protocol";
import {
  measured,
  type Contender,
  type Measured,
  type Question,
} from "./engine";
import { openCounted } from "./counting-worker";
import type { TwoQuestions } from "./record";

export const greedy = {
  temperature: 0,
  topK: 0,
  topP: 1,
  repetitionPenalty: 1,
  seed: 0,
};

export interface Own extends Contender {
  readonly info: ModelInfo;
  /** Of its GPU device. */
  readonly features: readonly string[];
  /** Of the last question. */
  readonly promptTokens: () => number;
  /** Times to the first token: of a question about a new picture, and of
   * another about the same. Makes the picture anew for each. */
  askTwice(draw: () => ImageBitmap, question: Question): Promise<TwoQuestions>;
}

export async function openOwn(
  options: LoadOptions,
  draft: boolean,
  onProgress: (text: string) => void,
): Promise<Own> {
  const { runtime, read, dispose } = openCounted({
    onProgress: ({ phase }) => onProgress(phase),
  });
  let promptTokens = 0;

  const ask = (
    frame: ImageBitmap,
    { text, side, maxTokens }: Question,
    name: string | null,
    onToken: () => void,
  ): Promise<Answer> =>
    runtime.generate({
      options: {
        messages: [{ role: "user", text, imageCount: 1 }],
        promptStyle: "reference",
        fit: "letterbox",
        anyres: false,
        size: side,
        maxTokens,
        sampling: greedy,
        draft,
        gate: 0,
      },
      take: () => ({ frames: [frame], imageIds: [name] }),
      onToken,
    });

  async function caption(
    frame: ImageBitmap,
    question: Question,
  ): Promise<Measured> {
    const before = await read();
    let first: number | undefined;
    const start = now();
    const answer = await ask(
      frame,
      question,
      null,
      () => void (first ??= now()),
    );
    const end = now();
    // An empty caption is told of by its end.
    first ??= end;
    const after = await read();
    promptTokens = answer.promptTokens;
    // What the worker timed, put before the moment its first token was heard:
    // what is left at the start is the way there and back.
    const { preprocess, encode, prefill, firstDecode, tokensPerSecond } =
      answer.timings;
    const features = first - firstDecode - prefill;
    const ends = [
      features - encode - preprocess,
      features - encode,
      features,
    ] as const;
    const calls = difference(after.calls, before.calls);
    const times = { start, ends, first, end, tokensPerSecond };
    return measured(times, answer.tokenIds, calls);
  }

  async function timeToFirst(
    frame: ImageBitmap,
    question: Question,
    name: string,
  ): Promise<number> {
    const start = now();
    let first: number | undefined;
    await ask(frame, question, name, () => void (first ??= now()));
    return (first ?? now()) - start;
  }

  try {
    const info = await runtime.load(options);
    const { features } = await read();
    return {
      info,
      features,
      caption,
      promptTokens: () => promptTokens,
      askTwice: async (draw, question) => {
        const name = crypto.randomUUID();
        const first = await timeToFirst(draw(), question, name);
        const other = { ...question, text: "What do you see?" };
        return { first, second: await timeToFirst(draw(), other, name) };
      },
      memory: async () => {
        const { bytes, peak } = await read();
        return { now: bytes, peak };
      },
      dispose: () => Promise.resolve(dispose()),
    };
  } catch (error) {
    dispose();
    throw error;
  }
}

import { now } from "../../shared/clock";
import { greedySampling } from "../../shared/options";
import { difference } from "../../../workers/bench/gpu-calls";
import type { Answer, LoadOptions, ModelInfo } from "../../shared/protocol";
import {
  measured,
  type Engine,
  type BenchQuestion,
  type MeasuredCaption,
} from "./engine";
import { openCountingWorker } from "./counting-worker";
import type { TwoQuestions } from "./record";

export interface FastVlmEngine extends Engine {
  /** Of the backend in use. */
  readonly info: ModelInfo;
  /** Resolves when the model is on the backend that later requests use. */
  readonly settled: Promise<void>;
  /** Features of its GPU device. */
  readonly features: readonly string[];
  /** Prompt length of the last question. */
  readonly promptTokens: () => number;
  /** Time to first token of a question about a new image, and of a second question
   * about the same image. `render` is called for each. */
  askTwice(
    render: () => ImageBitmap,
    question: BenchQuestion,
  ): Promise<TwoQuestions>;
}

export async function openFastVlm(
  options: LoadOptions,
  draft: boolean,
  onProgress: (text: string) => void,
): Promise<FastVlmEngine> {
  let changed: ModelInfo | undefined;
  const change = Promise.withResolvers<void>();
  const { runtime, read, dispose } = openCountingWorker({
    onProgress: ({ phase }) => onProgress(phase),
    onBackend: (info) => {
      changed = info;
      change.resolve();
    },
  });
  let promptTokens = 0;

  const ask = (
    frame: ImageBitmap,
    { text, size, maxTokens }: BenchQuestion,
    name: string | null,
    onToken: () => void,
  ): Promise<Answer> =>
    runtime.generate({
      options: {
        messages: [{ role: "user", text, imageCount: 1 }],
        promptStyle: "reference",
        fit: "letterbox",
        background: "white",
        anyres: false,
        size,
        maxTokens,
        sampling: greedySampling,
        draft,
        gate: 0,
      },
      take: () => ({ frames: [frame], imageIds: [name] }),
      onToken,
    });

  async function caption(
    frame: ImageBitmap,
    question: BenchQuestion,
  ): Promise<MeasuredCaption> {
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
    // An empty caption has no tokens.
    first ??= end;
    const after = await read();
    promptTokens = answer.promptTokens;
    // The worker's timings end when the first token arrives here; the rest, at the
    // start, is the message round trip.
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
    question: BenchQuestion,
    name: string,
  ): Promise<number> {
    const start = now();
    let first: number | undefined;
    await ask(frame, question, name, () => void (first ??= now()));
    return (first ?? now()) - start;
  }

  try {
    const first = await runtime.load(options);
    const { features } = await read();
    const settled =
      first.preparing === undefined ? Promise.resolve() : change.promise;
    return {
      get info() {
        return changed ?? first;
      },
      settled,
      features,
      caption,
      promptTokens: () => promptTokens,
      askTwice: async (render, question) => {
        const name = crypto.randomUUID();
        const first = await timeToFirst(render(), question, name);
        const other = { ...question, text: "What do you see?" };
        return { first, second: await timeToFirst(render(), other, name) };
      },
      memory: async () => {
        const { bytes, peak } = await read();
        const { gpuParts: parts } = (changed ?? first).memory;
        return { now: bytes, peak, ...(parts && { parts }) };
      },
      dispose: () => Promise.resolve(dispose()),
    };
  } catch (error) {
    dispose();
    throw error;
  }
}

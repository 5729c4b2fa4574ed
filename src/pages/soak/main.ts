/**
 * The page of `npm run soak`, which drives it and measures its memory: requests of
 * every kind that could leak memory, one after another.
 */
import { VlmError } from "../../shared/errors";
import { greedySampling } from "../../shared/options";
import type { WorkerUse } from "../../../workers/bench/gpu-calls";
import type {
  Answer,
  GenerateOptions,
  Frame,
  Message,
  ModelInfo,
} from "../../shared/protocol";
import { renderFrame } from "../bench/clip";
import {
  openCountingWorker,
  type CountingWorker,
} from "../bench/counting-worker";
import { readBenchOptions, type BenchOptions } from "../bench/params";
import { kindOf, listenerFor, type FrameKind } from "./sources";
import { median } from "../bench/statistics";

/** Results of a number of frames. */
export interface FeedResult {
  /** Median time to first token of live frames in ms. */
  readonly firstToken: number;
  /** Number of requests by finish reason or error code. */
  readonly ends: Readonly<Record<string, number>>;
  readonly tokens: number;
}

const sampling = {
  ...{ temperature: 0.8, topK: 20, topP: 0.9, repetitionPenalty: 1.1 },
};

const user = (text: string, images = 1): Message => ({
  ...{ role: "user", text, imageCount: images },
});

class Soak {
  readonly #options: BenchOptions = readBenchOptions(location.search);
  readonly #counted: CountingWorker = openCountingWorker();
  #size = this.#options.size;
  #lastImageId = "";
  #lastAnswer = "";

  async load(): Promise<ModelInfo> {
    const { source: model, device, dtype } = this.#options;
    const options = { model, device, dtype, backend: "auto" } as const;
    const info = await this.#counted.runtime.load(options);
    this.#size ||= info.size;
    return info;
  }

  /** The worker's memory and GPU objects. */
  use(): Promise<WorkerUse> {
    return this.#counted.read();
  }

  /** Asks about frames `from` to `from + count`. */
  async feed(from: number, count: number): Promise<FeedResult> {
    const firstTokens: number[] = [];
    const ends: Record<string, number> = {};
    let tokens = 0;
    for (let index = from; index < from + count; index++) {
      const kind = kindOf(index);
      const start = performance.now();
      const onFirst = (): void => {
        if (kind === "live") firstTokens.push(performance.now() - start);
      };
      const answer = await this.#ask(index, kind, onFirst).catch(
        (thrown: unknown) => VlmError.from(thrown),
      );
      const end = answer instanceof VlmError ? answer.code : answer.finish;
      ends[end] = (ends[end] ?? 0) + 1;
      if (!(answer instanceof VlmError)) tokens += answer.tokenIds.length;
    }
    return { firstToken: median(firstTokens), ends, tokens };
  }

  async #ask(
    index: number,
    kind: FrameKind,
    onFirst: () => void,
  ): Promise<Answer> {
    const { prompt, maxTokens } = this.#options;
    const first = kind === "named";
    if (first) this.#lastImageId = `image ${index}`;
    const known = first || kind === "again" || kind === "turn";
    const frames = [this.#render(index, kind)];
    if (kind === "two") frames.push(this.#render(index + 1, kind));
    const imageIds = frames.map(() => (known ? this.#lastImageId : null));
    const options: GenerateOptions = {
      messages: this.#messages(kind, prompt),
      ...{ promptStyle: "reference", fit: "letterbox", anyres: false },
      background: "white",
      size: kind === "rejected" ? this.#size + 1 : this.#size,
      maxTokens,
      sampling:
        kind === "sampled" ? { ...sampling, seed: index } : greedySampling,
      ...{ draft: true, gate: 0 },
    };
    const { onTake, ...listener } = listenerFor(kind, onFirst);
    const answer = await this.#counted.runtime.generate({
      ...{ options, ...listener },
      take: () => {
        onTake?.();
        return { frames, imageIds };
      },
    });
    if (first) this.#lastAnswer = answer.text;
    return answer;
  }

  #messages(kind: FrameKind, prompt: string): Message[] {
    if (kind === "again") return [user("Which colours do you see?")];
    if (kind === "two") return [user(prompt, 2)];
    if (kind !== "turn") return [user(prompt)];
    const answer: Message = {
      role: "assistant",
      text: this.#lastAnswer,
      imageCount: 0,
    };
    return [user(prompt), answer, user("Why?", 0)];
  }

  /** Every other frame is a VideoFrame, like a camera's. */
  #render(index: number, kind: FrameKind): Frame {
    const size = this.#size;
    const square = renderFrame(index, size);
    if (index % 2 === 0 && kind !== "wide") return square;
    const height = kind === "wide" ? size / 2 : size;
    const frame = new VideoFrame(square, {
      timestamp: index,
      visibleRect: { x: 0, y: 0, width: size, height },
    });
    square.close();
    return frame;
  }
}

declare global {
  interface Window {
    readonly soak: Soak;
  }
}

Object.assign(window, { soak: new Soak() });

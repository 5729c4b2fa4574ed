/**
 * The page behind `npm run soak`, which drives it and watches it from outside:
 * questions of every kind that could leave something behind, one after another.
 */
import { VlmError } from "../../shared/errors";
import type { WorkerUse } from "../../../workers/bench/gpu-calls";
import type {
  Answer,
  GenerateOptions,
  Frame,
  Message,
  ModelInfo,
} from "../../shared/protocol";
import { drawFrame } from "../bench/clip";
import { openCounted, type Counted } from "../bench/counting-worker";
import { readOptions, type BenchOptions } from "../bench/options";
import { greedy } from "../bench/fast-vlm";
import { kindOf, listenerFor, type Kind } from "./sources";
import { median } from "../bench/statistics";

/** What has come of so many frames. */
export interface Fed {
  /** Frame in hand → first token, the median of the live ones, in ms. */
  readonly firstToken: number;
  /** How runs ended, and how often. */
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
  readonly #options: BenchOptions = readOptions(location.search);
  readonly #counted: Counted = openCounted();
  #side = this.#options.size;
  /** Of the last named picture. */
  #named = "";
  #said = "";

  async load(): Promise<ModelInfo> {
    const { source: model, device, dtype } = this.#options;
    const options = { model, device, dtype, backend: "auto" } as const;
    const info = await this.#counted.runtime.load(options);
    this.#side ||= info.size;
    return info;
  }

  /** What the worker holds. */
  use(): Promise<WorkerUse> {
    return this.#counted.read();
  }

  /** Frames of the numbers from `from` on. */
  async feed(from: number, count: number): Promise<Fed> {
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

  async #ask(index: number, kind: Kind, onFirst: () => void): Promise<Answer> {
    const { question, maxTokens } = this.#options;
    const first = kind === "named";
    if (first) this.#named = `picture ${index}`;
    const known = first || kind === "again" || kind === "turn";
    const frames = [this.#draw(index, kind)];
    if (kind === "two") frames.push(this.#draw(index + 1, kind));
    const imageIds = frames.map(() => (known ? this.#named : null));
    const options: GenerateOptions = {
      messages: this.#messages(kind, question),
      ...{ promptStyle: "reference", fit: "letterbox", anyres: false },
      size: kind === "refused" ? this.#side + 1 : this.#side,
      maxTokens,
      sampling: kind === "sampled" ? { ...sampling, seed: index } : greedy,
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
    if (first) this.#said = answer.text;
    return answer;
  }

  #messages(kind: Kind, question: string): Message[] {
    if (kind === "again") return [user("Which colours do you see?")];
    if (kind === "two") return [user(question, 2)];
    if (kind !== "turn") return [user(question)];
    const said: Message = {
      role: "assistant",
      text: this.#said,
      imageCount: 0,
    };
    return [user(question), said, user("Why?", 0)];
  }

  /** Every other one as a camera gives it. */
  #draw(index: number, kind: Kind): Frame {
    const side = this.#side;
    const square = drawFrame(index, side);
    if (index % 2 === 0 && kind !== "wide") return square;
    const height = kind === "wide" ? side / 2 : side;
    const frame = new VideoFrame(square, {
      timestamp: index,
      visibleRect: { x: 0, y: 0, width: side, height },
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

import type { WorkerHandle } from "../runtime/worker-handle";
import { anySignal } from "../shared/abort";
import { asyncDispose } from "./async-dispose";
import { badOption } from "./load-options";
import { now } from "../shared/clock";
import { VlmError } from "../shared/errors";
import type { Message, ModelInfo, TokenCount } from "../shared/protocol";
import { answer } from "./answer";
import { Conversation, type PreparedTurn } from "./conversation";
import type { LiveSource } from "./live-source";
import { assertOptions, findOptionError } from "./validation";
import {
  answerOptionTypes,
  assertMessages,
  toProtocolMessages,
  toGenerateOptions,
  type AnswerOptions,
  type ChatMessage,
  type CountOptions,
  type DescribeOptions,
  type WatchOptions,
} from "./options";
import { toSourceList, readImages, type Source } from "./source-image";
import {
  AnswerStream,
  type AnswerDone,
  type AnswerEvent,
} from "./answer-stream";
import { watch, type Caption } from "./watch";

const usualPrompt = "Describe the image.";

type Run = (
  emit: (step: AnswerEvent) => void,
  signal: AbortSignal,
  left: AbortSignal,
) => Promise<AnswerDone>;

/**
 * A model to ask. Questions of one session are answered one after another;
 * sessions with the same model share one worker and take turns.
 */
export class Session implements AsyncDisposable {
  readonly #lease: WorkerHandle;
  readonly #info: ModelInfo;
  readonly #side: number;
  readonly #life = new AbortController();
  #conversation: Conversation | undefined;

  readonly #onEnd: () => void;

  /** @internal `size`: side of the encoder's input, if not the model's own. */
  constructor(
    lease: WorkerHandle,
    info: ModelInfo,
    size = info.size,
    onEnd = (): void => undefined,
  ) {
    this.#lease = lease;
    this.#info = info;
    this.#side = size;
    this.#onEnd = onEnd;
  }

  /** What the model is, and what it runs on. */
  get info(): ModelInfo {
    return this.#lease.info ?? this.#info;
  }

  /**
   * Answers about one picture, or several together, as they are now; sources
   * are left as they are. An element that shows nothing yet is waited for. It
   * begins at once; leaving the loop ends it.
   */
  describe(
    source: Source | readonly Source[],
    options: DescribeOptions = {},
  ): AnswerStream {
    const sources = toSourceList(source);
    const refusal =
      findOptionError(options, answerOptionTypes) ??
      (sources.length === 0 ? nothingGiven() : undefined);
    if (refusal) return new AnswerStream(() => Promise.reject(refusal));
    const { prompt = usualPrompt, signal } = options;
    const until = this.#until(signal);
    void this.#conversation?.end();
    const conversation = new Conversation(readImages(sources, until));
    this.#conversation = conversation;
    return this.#next(conversation, prompt, options);
  }

  /** Goes on about the pictures of `describe`, with what was said so far. */
  ask(prompt: string, options: AnswerOptions = {}): AnswerStream {
    const conversation = this.#conversation;
    if (conversation) return this.#next(conversation, prompt, options);
    return this.#steps(options, () => Promise.reject(nothingYet()));
  }

  /**
   * The next turn of a whole conversation, whose last turn is the user's. It is
   * no part of the one that `describe` begins. A Blob, ImageBitmap or
   * VideoFrame that was asked about before is not encoded again.
   */
  converse(
    turns: readonly ChatMessage[],
    options: AnswerOptions = {},
  ): AnswerStream {
    const time = now();
    return this.#steps(options, async (emit, signal, left) => {
      assertMessages(turns);
      const sources = turns.flatMap(({ images = [] }) => images);
      const pictures = await readImages(sources, signal);
      const names = pictures.map(({ name }) => name);
      const frames = pictures.map(({ bitmap }) => bitmap);
      const run = {
        ...toGenerateOptions(options, this.#side, toProtocolMessages(turns)),
        imageIds: names,
      };
      return answer(this.#lease, { run, frames, time }, signal, left, emit);
    });
  }

  /** What turns would take of the model's room; pictures are only counted. */
  async count(
    turns: readonly ChatMessage[],
    options: CountOptions = {},
  ): Promise<TokenCount> {
    assertOptions(options, answerOptionTypes);
    assertMessages(turns);
    if (this.#life.signal.aborted) throw disposed();
    const messages = toProtocolMessages(turns);
    const { promptStyle, size, anyres } = toGenerateOptions(
      options,
      this.#side,
      messages,
    );
    const conversation = { messages, promptStyle, size, anyres };
    return await this.#lease.count(conversation, this.#until(options.signal));
  }

  /**
   * Captions of a live source, each of its newest frame, until it ends or the
   * loop is left. While the page is hidden it waits. Options are read for each
   * frame anew.
   */
  watch(
    source: LiveSource,
    options: WatchOptions = {},
  ): AsyncIterable<Caption, undefined> {
    const refusal =
      findOptionError(options, answerOptionTypes) ??
      (this.#life.signal.aborted ? disposed() : undefined);
    if (refusal) {
      const next = (): Promise<never> => Promise.reject(refusal);
      return { [Symbol.asyncIterator]: () => ({ next }) };
    }
    const { signal } = options;
    return watch(source, this.#until(signal), async (captured, until) => {
      const { prompt = usualPrompt, ...rest } = options;
      const messages: Message[] = [
        { role: "user", text: prompt, imageCount: 1 },
      ];
      const run = toGenerateOptions(
        { draft: true, ...rest },
        this.#side,
        messages,
      );
      const { frame, time, newer } = captured;
      const asked = { run, frames: [frame], time, newer };
      return { prompt, done: await answer(this.#lease, asked, until) };
    });
  }

  /** Ends what goes on and frees the model, unless others use it, too. */
  dispose(): void {
    this.#life.abort();
    void this.#conversation?.end();
    this.#conversation = undefined;
    this.#lease.release();
    this.#onEnd();
  }

  [asyncDispose](): Promise<void> {
    this.dispose();
    return Promise.resolve();
  }

  #next(
    conversation: Conversation,
    prompt: string,
    options: AnswerOptions,
  ): AnswerStream {
    const time = now();
    return this.#steps(options, (emit, signal, left) => {
      const ask = ({
        messages,
        frames,
        names,
      }: PreparedTurn): Promise<AnswerDone> => {
        const run = {
          ...toGenerateOptions(options, this.#side, messages),
          imageIds: names,
        };
        const asked = { run, frames, time };
        return answer(this.#lease, asked, signal, left, emit);
      };
      const either = AbortSignal.any([signal, left]);
      return conversation.next(prompt, either, ask);
    });
  }

  #steps(options: AnswerOptions, run: Run): AnswerStream {
    return new AnswerStream(async (emit, left) => {
      assertOptions(options, answerOptionTypes);
      if (this.#life.signal.aborted) throw disposed();
      return run(emit, this.#until(options.signal), left);
    });
  }

  #until(signal: AbortSignal | undefined): AbortSignal {
    return anySignal(this.#life.signal, signal);
  }
}

function nothingGiven(): VlmError {
  return badOption(
    "There is no picture in that list.",
    "Give one at least; converse asks without any.",
  );
}

function nothingYet(): VlmError {
  return badOption(
    "There is no picture to ask about.",
    "Ask about one with describe, then go on with ask.",
  );
}

function disposed(): VlmError {
  return new VlmError(
    "aborted",
    "The session was disposed of.",
    "Create another one.",
  );
}

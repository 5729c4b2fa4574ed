import { newImageId, type FrameSource } from "../capture/frame-source";
import { checkConsent, licenseOf } from "../models/license";
import { withBundledAdvice } from "../models/resolve";
import { sameLoad } from "../models/source";
import { WorkerHandle } from "../runtime/worker-handle";
import { workerPool } from "../runtime/worker-pool";
import { aborted, anySignal, rejectWhenAborted } from "../shared/abort";
import { now } from "../shared/clock";
import { badOption, notLoaded, VlmError } from "../shared/errors";
import type { ModelReport, StoredModel } from "../shared/models";
import {
  checkOption,
  checkOptions,
  findBadOption,
  questionRule,
  requestDefaults,
  type OptionRules,
} from "../shared/options";
import {
  noProgress,
  type GenerateOptions,
  type LoadOptions,
  type LoadProgress,
  type Message,
  type ModelInfo,
  type TokenCount,
} from "../shared/protocol";
import {
  answer,
  type AnswerListener,
  type AnswerObserver,
  type AnswerRequest,
  type SentFrames,
  type TakenFrames,
} from "./answer";
import { AnswerStream, type AnswerDone } from "./answer-stream";
import { asyncDispose } from "./async-dispose";
import {
  Conversation,
  toMessages,
  type PreparedTurn,
  type Turn,
} from "./conversation";
import { openLive, type LiveSource } from "../capture/live-source";
import {
  answerRules,
  changeGate,
  checkChatMessages,
  countRules,
  createRules,
  describeRules,
  findBadWatchOption,
  followUpRules,
  inputSide,
  toGenerateOptions,
  toLoadOptions,
  toProtocolMessages,
  type AnswerOptions,
  type ChatMessage,
  type CountOptions,
  type DescribeOptions,
  type FastVlmOptions,
  type FollowUpOptions,
  type ModelOptions,
  type WatchOptions,
} from "./options";
import { readImages, type Source, type SourceImage } from "./source-image";
import { toCaption, watch, type Caption, type Watching } from "./watch";

/** @internal Reports on the model of a session. */
interface SessionListener {
  /** Progress of a load that this session waits for. */
  readonly onProgress?: (progress: LoadProgress) => void;
  /** A model is loaded: the first one, another one, or again after a loss. */
  readonly onReady?: (info: ModelInfo) => void;
  /** The model has changed its backend, or keeps the one that it has. */
  readonly onBackend?: (info: ModelInfo) => void;
  /** The worker or the GPU is lost; the next request brings the model back. */
  readonly onLost?: (reason: VlmError) => void;
  readonly onDispose?: () => void;
}

/** @internal Of a model: `loaded` is the one in use, `loading` the one being loaded,
 * `failed` the last one that failed to load; `none` is any other. */
export type LoadState = "loaded" | "loading" | "failed" | "none";

/** @internal A question about images, after the messages before it. */
interface Question {
  readonly messages: readonly ChatMessage[];
  /** Earlier questions about the same images. Awaited once the images are copied,
   * and only if they are sent. */
  readonly turns: () => Promise<readonly Turn[]>;
  readonly prompt: string;
  readonly images: readonly Source[] | FrameSource;
}

/**
 * A model that answers. Requests of one session are answered one after another;
 * sessions with the same model share one worker and take turns.
 */
export class Session implements AsyncDisposable {
  readonly #environment: FastVlmOptions;
  readonly #listener: SessionListener;
  readonly #handle: WorkerHandle;
  readonly #life = new AbortController();
  #info: ModelInfo | undefined;
  /** Encoder input size, if it is not the model's own. */
  #size: number | undefined;
  #loading: LoadOptions | undefined;
  #failed: LoadOptions | undefined;
  #conversation: Conversation | undefined;

  /** @internal The environment is read again for each load. */
  constructor(environment: FastVlmOptions, listener: SessionListener = {}) {
    this.#environment = environment;
    this.#listener = listener;
    this.#handle = new WorkerHandle(workerPool, {
      get worker() {
        return environment.worker;
      },
      get wasmPaths() {
        return environment.wasmPaths;
      },
      get fetch() {
        return environment.fetch;
      },
      onProgress: (progress) => listener.onProgress?.(progress),
      onReady: (info) => {
        this.#info = info;
        this.#failed = undefined;
        listener.onReady?.(info);
      },
      onBackend: (info) => {
        this.#info = info;
        listener.onBackend?.(info);
      },
      onLost: (reason) => listener.onLost?.(reason),
    });
  }

  /** The model in use, its device and its backend. */
  get info(): ModelInfo {
    if (!this.#info) throw notLoaded();
    return this.#info;
  }

  /**
   * @internal Loads a model; rejects with `license-needed` if its licence has not
   * been accepted. The previous model stays in use if this fails. A later call with
   * another model ends this one, which rejects with `aborted`.
   */
  async load(options: ModelOptions): Promise<ModelInfo> {
    checkOptions(options, createRules);
    if (this.#life.signal.aborted) throw disposed();
    const signal = this.#until(options.signal);
    const wanted = toLoadOptions(options, this.#environment);
    if (signal.aborted) throw aborted();
    this.#loading = wanted;
    try {
      if (!this.#handle.has(wanted)) {
        await checkConsent(wanted.model, this.#environment.modelBase, () => {
          const report = (progress: LoadProgress): void =>
            this.#listener.onProgress?.(progress);
          report(noProgress);
          return this.#handle.inspect(wanted, undefined, signal, report);
        });
      }
      const info = await this.#handle.load(wanted, signal);
      this.#size = options.size;
      return info;
    } catch (thrown) {
      if (this.#loading === wanted) this.#failed = wanted;
      throw withBundledAdvice(
        thrown,
        wanted.model,
        this.#environment.modelBase,
      );
    } finally {
      if (this.#loading === wanted) this.#loading = undefined;
    }
  }

  /** @internal Throws `bad-option` if the options name no model. */
  loadState(options: ModelOptions): LoadState {
    checkOptions(options, createRules);
    const wanted = toLoadOptions(options, this.#environment);
    if (this.#handle.has(wanted)) return "loaded";
    if (this.#loading && sameLoad(this.#loading, wanted)) return "loading";
    return this.#failed && sameLoad(this.#failed, wanted) ? "failed" : "none";
  }

  /** @internal What a model is and costs; downloads none of its weights. Calls
   * `onProgress` while it waits for a server that limits requests. */
  async inspect(
    options: ModelOptions,
    onProgress?: (progress: LoadProgress) => void,
  ): Promise<ModelReport> {
    checkOptions(options, createRules);
    const { size } = options;
    const wanted = toLoadOptions(options, this.#environment);
    const signal = this.#until(options.signal);
    const report = await this.#handle
      .inspect(wanted, size, signal, onProgress)
      .catch((thrown: unknown) => {
        const { modelBase } = this.#environment;
        throw withBundledAdvice(thrown, wanted.model, modelBase);
      });
    const license = licenseOf(wanted.model) ?? report.license;
    return license ? { ...report, license } : report;
  }

  /** @internal The models stored in this browser. */
  stored(): Promise<StoredModel[]> {
    return this.#handle.stored();
  }

  /** @internal Deletes the files of the model with this key. */
  removeStored(key: string): Promise<void> {
    return this.#handle.remove(key);
  }

  /**
   * Answers a prompt about one or several images. Copies the sources at once and
   * leaves them unchanged; waits for an element that has no image yet. The
   * request starts immediately; leaving the loop over the stream ends it.
   */
  describe(
    source: Source | readonly Source[],
    options: DescribeOptions = {},
  ): AnswerStream {
    const sources = [source].flat();
    const error =
      findBadOption(options, describeRules) ??
      (sources.length === 0 ? noImages() : undefined);
    if (error) return new AnswerStream(() => Promise.reject(error));
    const { prompt = requestDefaults.prompt, ...others } = options;
    void this.#conversation?.end();
    const images = this.#read(sources, options);
    const conversation = new Conversation(images);
    this.#conversation = conversation;
    return this.#next(conversation, prompt, others);
  }

  /**
   * Asks another question about the images of `describe`. If the model was trained
   * for several turns, it continues the conversation; otherwise the question is
   * asked as if it were the first one. `options.history` overrides this.
   */
  ask(question: string, options: FollowUpOptions = {}): AnswerStream {
    const conversation = this.#conversation;
    if (conversation) return this.#next(conversation, question, options);
    return this.#stream(options, followUpRules, () =>
      Promise.reject(noConversation()),
    );
  }

  /**
   * Answers the last message of a conversation, which must be a user message. It is
   * independent of the conversation that `describe` starts. A Blob, ImageBitmap
   * or VideoFrame that was asked about before is not encoded again.
   */
  converse(
    messages: readonly ChatMessage[],
    options: AnswerOptions = {},
  ): AnswerStream {
    const time = now();
    return this.#stream(options, answerRules, async (listener) => {
      checkChatMessages(messages);
      const request = this.#request(options, toProtocolMessages(messages));
      const sources = messages.flatMap(({ images = [] }) => images);
      const side = inputSide(request);
      return withImages(sources, side, listener.signal, (taken) => {
        const { frames, imageIds } = taken;
        const take = (): TakenFrames => ({ frames, imageIds, time });
        return this.#answer({ options: request, take }, listener);
      });
    });
  }

  /** Counts the tokens of messages; images are not read. */
  async count(
    messages: readonly ChatMessage[],
    options: CountOptions = {},
  ): Promise<TokenCount> {
    checkOptions(options, countRules);
    checkChatMessages(messages);
    if (this.#life.signal.aborted) throw disposed();
    const { promptStyle, size, anyres } = this.#request(options, []);
    const protocolMessages = toProtocolMessages(messages);
    const input = { messages: protocolMessages, promptStyle, size, anyres };
    return this.#handle.count(input, this.#until(options.signal));
  }

  /**
   * Captions the newest frames of a live source until the source ends or the
   * loop is left. Waits while the page is hidden, and with `changed` while the
   * image does not change. The options are read again for each frame.
   */
  watch(
    source: LiveSource,
    options: WatchOptions = {},
  ): AsyncIterable<Caption, undefined> {
    const error =
      findBadWatchOption(options) ??
      (this.#life.signal.aborted ? disposed() : undefined);
    if (error) {
      const next = (): Promise<never> => Promise.reject(error);
      return { [Symbol.asyncIterator]: () => ({ next }) };
    }
    return this.#watch(
      (until) => openLive(source, until),
      () => options,
      {},
      this.#until(options.signal),
    );
  }

  /** @internal Captions frames of a source that the caller opened. With
   * `observer.onError` a failed frame is reported and the next one tried. */
  captions(
    source: FrameSource,
    options: () => WatchOptions,
    observer: AnswerObserver,
    signal: AbortSignal,
  ): AsyncIterable<Caption, undefined> {
    return this.#watch(() => source, options, observer, this.#until(signal));
  }

  /** @internal Answers a question about images, or about the newest frame of a
   * frame source. */
  async respond(
    { messages, turns, prompt, images }: Question,
    options: FollowUpOptions,
    observer: AnswerObserver,
  ): Promise<Caption> {
    checkOptions(options, followUpRules);
    checkOption("prompt", prompt, questionRule);
    checkChatMessages(messages);
    if (this.#life.signal.aborted) throw disposed();
    const signal = this.#until(options.signal);
    const [given, live] = "take" in images ? [[], images] : [images];
    const earlier = messages.flatMap((message) => message.images ?? []);
    const side = this.sideFor(options);
    return withImages([...earlier, ...given], side, signal, async (taken) => {
      const history = this.#keeps(options)
        ? await rejectWhenAborted(turns(), signal)
        : [];
      const request = this.#request(options, [
        ...toProtocolMessages(messages),
        ...toMessages(history, prompt, live ? 1 : given.length),
      ]);
      if (live) {
        return this.#respondLive(request, taken, live, observer, signal);
      }
      const take = (): TakenFrames => taken;
      return this.#caption({ options: request, take }, observer, signal);
    });
  }

  /** @internal Side of the square, in pixels, that the images of a request fill. */
  sideFor(options: Pick<AnswerOptions, "size" | "anyres">): number {
    return inputSide(options, this.#size ?? this.info.size);
  }

  /** Ends running requests and releases the model, which is freed unless others
   * use it. */
  dispose(): void {
    this.#life.abort();
    void this.#conversation?.end();
    this.#conversation = undefined;
    this.#handle.release();
    this.#listener.onDispose?.();
  }

  [asyncDispose](): Promise<void> {
    this.dispose();
    return Promise.resolve();
  }

  #watch(
    open: Watching["open"],
    read: () => WatchOptions,
    observer: AnswerObserver,
    signal: AbortSignal,
  ): AsyncIterable<Caption, undefined> {
    const current = (): WatchOptions => ({ draft: true, ...read() });
    const watcher = newImageId();
    const ask: Watching["ask"] = (source, until) => {
      const options = current();
      const error = findBadWatchOption(options);
      if (error) throw error;
      const { prompt = requestDefaults.prompt } = options;
      const turn = { role: "user", text: prompt, imageCount: 1 } as const;
      const request = this.#request(options, [turn]);
      const asked = JSON.stringify(options);
      const take = (when: AbortSignal) =>
        takeFrame(source, when, inputSide(request), () => asked);
      const ofChanges = {
        gate: request.gate || changeGate,
        // Another question is asked about an unchanged image, too.
        watcher: `${watcher} ${asked}`,
      };
      return this.#caption(
        { options: { ...request, ...(options.changed && ofChanges) }, take },
        observer,
        until,
      );
    };
    return watch(
      {
        ...{ open, ask },
        question: () => JSON.stringify(current()),
        whileHidden: () => current().whileHidden ?? false,
        onError: observer.onError,
      },
      signal,
    );
  }

  /** Waits again if the frame is gone when the request's turn comes. */
  async #respondLive(
    options: GenerateOptions,
    earlier: TakenFrames,
    source: FrameSource,
    observer: AnswerObserver,
    signal: AbortSignal,
  ): Promise<Caption> {
    for (;;) {
      if (!(await source.ready(signal))) throw aborted();
      let isGone = false;
      const take = async (until: AbortSignal) => {
        const taken = await takeFrame(source, until, inputSide(options));
        isGone = !taken;
        return (
          taken && {
            ...taken,
            frames: [...earlier.frames, ...taken.frames],
            imageIds: [...earlier.imageIds, ...taken.imageIds],
          }
        );
      };
      try {
        return await this.#caption({ options, take }, observer, signal);
      } catch (thrown) {
        if (!isGone || signal.aborted) throw thrown;
      }
    }
  }

  async #caption(
    request: AnswerRequest,
    { onFrame, onToken }: AnswerObserver,
    signal: AbortSignal,
  ): Promise<Caption> {
    /** Sent, but not reported yet, since it may be unchanged. */
    let frame: SentFrames | undefined;
    const answered = await answer(this.#handle, request, {
      signal,
      onFrame: (sent) => {
        if (request.options.watcher === undefined) onFrame?.(sent);
        else frame = sent;
      },
      onEvent: (event) => {
        const isAnswered = event.type === "token" || event.unchanged === 0;
        if (frame && isAnswered) onFrame?.(frame);
        if (isAnswered) frame = undefined;
        if (event.type === "token") onToken?.(event);
      },
    });
    return toCaption(answered, request.options);
  }

  #next(
    conversation: Conversation,
    question: string,
    options: FollowUpOptions,
  ): AnswerStream {
    const time = now();
    return this.#stream(options, followUpRules, (listener) => {
      checkOption("question", question, questionRule);
      const { signal, left } = listener;
      const ask = (turn: PreparedTurn): Promise<AnswerDone> => {
        const { messages, imageIds, copyFrames } = turn;
        const take = async (): Promise<TakenFrames> => {
          return { frames: await copyFrames(), imageIds, time };
        };
        const request = { options: this.#request(options, messages), take };
        return this.#answer(request, listener);
      };
      const until = anySignal(signal, left);
      return conversation.next(question, this.#keeps(options), until, ask);
    });
  }

  #stream(
    options: AnswerOptions,
    rules: OptionRules,
    run: (listener: AnswerListener) => Promise<AnswerDone>,
  ): AnswerStream {
    return new AnswerStream(async (onEvent, left) => {
      checkOptions(options, rules);
      if (this.#life.signal.aborted) throw disposed();
      const signal = this.#until(options.signal);
      return run({ signal, left, onEvent });
    });
  }

  async #answer(
    request: AnswerRequest,
    listener: AnswerListener,
  ): Promise<AnswerDone> {
    return (await answer(this.#handle, request, listener)).done;
  }

  #request(
    options: AnswerOptions,
    messages: readonly Message[],
  ): GenerateOptions {
    return toGenerateOptions(options, this.#size ?? this.info.size, messages);
  }

  async #read(
    sources: readonly Source[],
    options: AnswerOptions,
  ): Promise<readonly SourceImage[]> {
    const side = this.sideFor(options);
    return readImages(sources, side, this.#until(options.signal));
  }

  /** Whether a question is sent with those before it. */
  #keeps({ history }: FollowUpOptions): boolean {
    return history ?? this.info.multiTurn;
  }

  #until(signal: AbortSignal | undefined): AbortSignal {
    return anySignal(this.#life.signal, signal);
  }
}

/** Copies `sources` for the time of `use`. */
async function withImages<T>(
  sources: readonly Source[],
  side: number,
  signal: AbortSignal,
  use: (taken: TakenFrames) => Promise<T>,
): Promise<T> {
  const time = now();
  const images = await readImages(sources, side, signal);
  const frames = images.map(({ bitmap }) => bitmap);
  const imageIds = images.map(({ imageId }) => imageId);
  try {
    return await use({ frames, imageIds, time });
  } finally {
    for (const frame of frames) frame.close();
  }
}

/** The newest frame of `source`. */
async function takeFrame(
  source: FrameSource,
  signal: AbortSignal,
  side: number,
  question?: () => string,
): Promise<TakenFrames | undefined> {
  const captured = await source.take(signal, side, question);
  if (!captured) return undefined;
  const { frame, imageId = null, ...timing } = captured;
  return { frames: [frame], imageIds: [imageId], ...timing };
}

function noImages(): VlmError {
  return badOption(
    "describe was called without an image.",
    "Pass at least one image. To ask without an image, use converse.",
  );
}

function noConversation(): VlmError {
  return badOption(
    "ask was called before describe.",
    "Ask about an image with describe first, then continue with ask.",
  );
}

function disposed(): VlmError {
  return new VlmError(
    "aborted",
    "The session was disposed.",
    "Create another session.",
  );
}

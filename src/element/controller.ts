import type { ReactiveController } from "lit";
import { decodeImage } from "../capture/decode-image";
import type { FrameSource } from "../capture/frame-source";
import { keepAwake } from "../capture/wake-lock";
import { Session, type LoadState } from "../session/session";
import {
  createRules,
  followUpRules,
  inputSide,
  modelRules,
  type AnswerOptions,
  type ChatMessage,
  type ModelOptions,
  type WatchOptions,
} from "../session/options";
import { constantImageId, type Source } from "../session/source-image";
import { aborted, anySignal } from "../shared/abort";
import { badOption, VlmError } from "../shared/errors";
import type { ModelReport } from "../shared/models";
import {
  anyRule,
  arrayRule,
  checkOption,
  checkOptions,
  functionRule,
  isObject,
  oneOf,
  pickOptions,
  questionRule,
  requestRules,
  signalRule,
  sizeRule,
  type OptionRule,
} from "../shared/options";
import type { ModelInfo } from "../shared/protocol";
import { AnswerDisplay, type DisplayHost } from "./answer-display";
import { emit, type CaptionDetail, type ProgressDetail } from "./events";
import { Preview } from "./preview";
import { phaseText } from "./progress-text";
import { chosenSource, hasSource, sourceKey } from "./source";
import { noCaption, Status, type StatusHost } from "./status";
import { Transcript } from "./transcript";

/** Options of one request; omitted options default to the attributes. */
export interface AskOptions extends AnswerOptions {
  /** One image or several; default: the frozen or newest frame. */
  readonly source?: Source | readonly Source[] | undefined;
  /** Whether the earlier questions about the same image in `conversation`, and their
   * answers, are sent, too; default: if the model was trained for it
   * (`ModelInfo.multiTurn`). The same image is a frozen frame, the image of `for`, or
   * the same `Blob`, `ImageBitmap` or `VideoFrame`. */
  readonly history?: boolean | undefined;
  /** Earlier messages, used instead of the history; the prompt follows them. */
  readonly messages?: readonly ChatMessage[] | undefined;
  /** Called with the text of each token. */
  readonly onToken?: ((text: string) => void) | undefined;
}

/** Valid options with the signal that ends the request. */
type Asked = AskOptions & { readonly signal: AbortSignal };

type Host = DisplayHost & Pick<StatusHost, "stateChanged">;

/** The session checks the sources and each message. */
const askRules = {
  ...followUpRules,
  source: anyRule,
  messages: arrayRule,
  onToken: functionRule,
} as const satisfies Record<keyof AskOptions, OptionRule>;

const drafts = oneOf("live", "off");

/** Connects the element's attributes to a session and its answers to events. */
export class Controller implements ReactiveController {
  readonly status: Status;
  readonly preview: Preview;
  readonly transcript: Transcript;
  /** The model in use, also while another one loads. */
  info: ModelInfo | undefined;
  readonly #host: Host;
  #session: Session;
  /** Number of loads begun: when one ends, the progress is cleared only if it is
   * the last one. */
  #loads = 0;
  /** Aborted by `cancelLoad`. */
  #loading = new AbortController();
  /** Aborted by `stop`, with the source and the requests since `start`. */
  #run = new AbortController();
  /** Aborted when another task replaces it: live captions, or a `freeze`. */
  #task = new AbortController();
  /** Identifies the source that the attributes name. */
  #source: readonly unknown[] = [];
  /** A `start` in progress. */
  #starting: Promise<void> | undefined;
  /** Whether live captions wait for a model, are on or off as the attribute `live`
   * says, or ended after repeated failures. */
  #live: "waiting" | "on" | "off" | "failed" = "waiting";

  constructor(host: Host) {
    this.#host = host;
    this.status = new Status(host);
    this.transcript = new Transcript(() => {
      const { entries } = this.transcript;
      emit(host, "conversationchange", { conversation: entries });
    });
    this.preview = new Preview(host, {
      onLive: () => this.status.update({ interruption: undefined }),
      onInterrupted: (reason) => this.status.report("interruption", reason),
      onEnded: () => {
        this.stop();
        emit(host, "ended", null);
      },
    });
    this.#session = this.#createSession();
    host.addController(this);
  }

  /** Action of the first button, if there is one. */
  get action(): "start" | "stop" | undefined {
    if (this.preview.open) return "stop";
    return hasSource(this.#host) ? "start" : undefined;
  }

  /** What the stage shows; `elsewhere`: the page itself shows the image. */
  get shows(): "nothing" | "video" | "still" | "elsewhere" {
    const { still, open } = this.preview;
    if (still) return "still";
    if (this.#host.for && !this.#host.stream) return "elsewhere";
    const { interruption } = this.status.conditions;
    return open && !interruption ? "video" : "nothing";
  }

  hostConnected(): void {
    this.signalChanged(undefined);
  }

  /** Moving an element disconnects it, too: it is freed if it stays so. */
  hostDisconnected(): void {
    this.#host.signal?.removeEventListener("abort", this.#onAbort);
    queueMicrotask(() => {
      if (!this.#host.isConnected) this.dispose();
    });
  }

  /** Stops when the host's signal aborts, instead of the `previous` one. */
  signalChanged(previous: AbortSignal | undefined): void {
    const { signal } = this.#host;
    previous?.removeEventListener("abort", this.#onAbort);
    signal?.addEventListener("abort", this.#onAbort);
    this.#onAbort();
  }

  load(options: { readonly signal?: AbortSignal } = {}): Promise<ModelInfo> {
    return this.#attempt(() => {
      checkOptions(options, { signal: signalRule });
      return this.#load(options.signal);
    });
  }

  /** Loads the model that the attributes name, unless it is loaded or loading. */
  preload(): void {
    const state = this.#loadState();
    if (state === "loaded" || state === "loading") return;
    // The event `error` reports what fails.
    this.load().catch(() => undefined);
  }

  /** Live captions switch to another model while the present one answers; one
   * that failed to load is not tried again. */
  modelChanged(): void {
    if (!this.info || !this.#host.live || !this.preview.live) return;
    if (this.#loadState() !== "failed") this.preload();
  }

  cancelLoad(): void {
    this.#abortLoad();
    // A source that waited for its first model is useless without it.
    if (!this.info) this.stop();
  }

  async inspect(options: ModelOptions): Promise<ModelReport> {
    checkOptions(options, createRules);
    const { model, folder, size = this.#host.size } = options;
    const attributes = this.#modelOptions();
    const isOther = model !== undefined || folder !== undefined;
    return this.#session.inspect(
      {
        ...attributes,
        ...defined(options),
        folder: isOther ? folder : attributes.folder,
        size: size === 0 ? undefined : size,
      },
      (progress) => emit(this.#host, "modelprogress", progress),
    );
  }

  /** @internal */
  get models(): Pick<Session, "stored" | "removeStored"> {
    return this.#session;
  }

  ask(prompt = this.#host.prompt, options: AskOptions): Promise<CaptionDetail> {
    return this.#attempt(async () => {
      checkOption("prompt", prompt, questionRule);
      checkAskOptions(options);
      const signal = this.#until(this.#run.signal, options.signal);
      return this.#ask(prompt, { ...options, signal });
    });
  }

  /** A start of the same source that is in progress continues. */
  start(): Promise<void> {
    if (!this.#noticeSource() && this.#starting) return this.#starting;
    this.stop();
    const starting = this.#start(this.#until(this.#run.signal)).finally(() => {
      if (this.#starting === starting) this.#starting = undefined;
    });
    this.#starting = starting;
    return starting;
  }

  async #start(signal: AbortSignal): Promise<void> {
    await this.#attempt(async () => {
      if (signal.aborted) throw aborted();
      const source = chosenSource(this.#host);
      if (source.kind === "image") {
        await this.#showImage(source.file, signal);
        await this.#describe(signal);
        return;
      }
      // Before anything is awaited: sharing a screen needs a recent click.
      const opened = this.preview.start(source, signal);
      this.#host.requestUpdate();
      this.#watchVisibility(signal);
      void this.#keepAwake(opened, signal);
      // Captions do not depend on `opened`: a camera that failed may recover.
      const loaded = this.#ensureModel(signal, true).then(() => this.#begin());
      await Promise.all([opened, loaded]);
      if (this.preview.isStill && !this.#host.live) {
        await this.#describe(signal);
      }
    });
  }

  stop(): void {
    this.#run.abort();
    this.#run = new AbortController();
    this.#task.abort();
    this.#live = "waiting";
    this.#starting = undefined;
    this.preview.stop();
    this.status.update({ interruption: undefined, paused: false, live: false });
  }

  async freeze(): Promise<void> {
    if (!this.preview.open || this.preview.still) return;
    const signal = this.#beginTask();
    try {
      await this.#attempt(() => this.preview.freeze(signal, this.#side));
    } catch (thrown) {
      if (!signal.aborted) this.#applyLive();
      throw thrown;
    }
    this.status.update({ paused: true, live: false });
  }

  resume(): void {
    if (!this.preview.open) return;
    this.preview.thaw();
    this.status.update({ paused: this.#isHidden });
    this.#applyLive();
  }

  dispose(): void {
    this.stop();
    this.#abortLoad();
    this.#session.dispose();
    this.#session = this.#createSession();
    this.info = undefined;
    this.status.reset();
  }

  /** Clears the caption and the form value. */
  clearCaption(): void {
    this.status.caption = noCaption;
    this.#host.captioned(null);
    this.#host.requestUpdate();
  }

  /** Applies the attributes to a started source; some of them `changed`. */
  update(changed: boolean): void {
    const isOther = this.#noticeSource();
    if (!this.preview.open) return;
    const live = this.#host.live ? "on" : "off";
    const differs = this.#live === "failed" ? changed : this.#live !== live;
    if (isOther) {
      if (hasSource(this.#host)) this.start().catch(() => undefined);
      else this.stop();
    } else if (differs && this.#live !== "waiting") {
      this.#applyLive();
    }
  }

  /** Whether the attributes name another source than before; a caption of that one
   * is cleared. */
  #noticeSource(): boolean {
    const key = sourceKey(this.#host);
    if (key.every((value, at) => value === this.#source[at])) return false;
    this.#source = key;
    this.clearCaption();
    return true;
  }

  readonly #onAbort = (): void => {
    // The signal may have been replaced since.
    if (!this.#host.signal?.aborted) return;
    this.stop();
    this.#abortLoad();
  };

  #abortLoad(): void {
    this.#loading.abort();
    this.#loading = new AbortController();
  }

  #createSession(): Session {
    return new Session(this.#host, {
      onProgress: (progress) => this.#onProgress(progress),
      onReady: (info) => this.#onReady(info),
      onBackend: (info) => this.#onBackend(info),
      onLost: () => this.status.update({ loaded: false }),
    });
  }

  /** Attributes are any strings: the session checks them. */
  #modelOptions(): ModelOptions {
    return pickOptions(this.#host, modelRules) as ModelOptions;
  }

  /** `options`, and the attributes for those left out. `draft` and `gate` are for
   * live captions only. */
  #answerOptions(options: AnswerOptions): AnswerOptions {
    const { draft, gate, size, sampling, ...attributes } = pickOptions(
      this.#host,
      requestRules,
    );
    return {
      ...(attributes as AnswerOptions),
      ...(size !== 0 && { size }),
      ...defined(options),
      sampling: isObject(sampling)
        ? { ...sampling, ...options.sampling }
        : sampling,
    };
  }

  async #load(signal?: AbortSignal): Promise<ModelInfo> {
    const load = ++this.#loads;
    try {
      return await this.#session.load({
        ...this.#modelOptions(),
        signal: this.#until(this.#loading.signal, signal),
      });
    } finally {
      if (load === this.#loads) this.status.update({ progress: undefined });
    }
  }

  /**
   * Loads the model that the attributes name, or keeps the one in use if that
   * load failed before. Live captions do not wait for another model either.
   */
  async #ensureModel(signal: AbortSignal, live: boolean): Promise<void> {
    const state = this.#loadState();
    if (this.info && (state === "failed" || live)) {
      if (state !== "failed") this.preload();
      return;
    }
    await this.#load(signal);
  }

  /** `invalid`: the load reports which option is. */
  #loadState(): LoadState | "invalid" {
    try {
      return this.#session.loadState(this.#modelOptions());
    } catch {
      return "invalid";
    }
  }

  #onProgress(progress: ProgressDetail): void {
    const { texts, conditions } = this.status;
    const waited = conditions.progress?.retryIn !== undefined;
    const waits = progress.retryIn !== undefined;
    // Not at each change of the time left.
    if (!conditions.progress || waits !== waited) {
      this.status.announce(phaseText(progress, texts), texts.lang);
    }
    this.status.update({ progress });
    emit(this.#host, "modelprogress", progress);
  }

  #onReady(info: ModelInfo): void {
    this.info = info;
    this.status.update({ progress: undefined, loaded: true });
    emit(this.#host, "ready", info);
    const { texts } = this.status;
    this.status.announce(texts.modelReady, texts.lang);
    this.#begin();
  }

  #onBackend(info: ModelInfo): void {
    this.info = info;
    this.#host.requestUpdate();
    emit(this.#host, "backendchange", info);
  }

  /** Answers a question and records it in the conversation. */
  async #ask(
    prompt: string,
    { source, messages, history, onToken, signal, ...options }: Asked,
  ): Promise<CaptionDetail> {
    const exchange = this.transcript.begin(prompt, this.#host.background);
    const display = new AnswerDisplay(this.#host, this.status, "answer");
    try {
      await this.#ensureModel(signal, false);
      const images = source === undefined ? this.#look() : [source].flat();
      exchange.image = this.#imageId(images);
      const caption = await this.#session.respond(
        {
          messages: messages ?? [],
          turns: () => this.transcript.turnsBefore(exchange),
          ...{ prompt, images },
        },
        {
          ...this.#answerOptions(options),
          signal,
          history: messages ? false : history,
        },
        {
          onFrame: (sent) => {
            display.onFrame(sent);
            exchange.onFrame(sent);
            // The image may have loaded in the meantime.
            exchange.image = this.#imageId(images);
          },
          onToken: (token) => {
            exchange.onToken(token);
            display.onToken(token);
            onToken?.(token.text);
          },
        },
      );
      const detail = await display.finish(caption);
      exchange.succeed(detail);
      return detail;
    } catch (thrown) {
      exchange.fail(VlmError.from(thrown));
      throw thrown;
    } finally {
      display.end();
    }
  }

  /** Captions a still source once. */
  async #describe(signal: AbortSignal): Promise<void> {
    await this.#ensureModel(signal, false);
    const display = new AnswerDisplay(this.#host, this.status, "caption");
    try {
      const caption = await this.#session.respond(
        {
          messages: [],
          turns: () => Promise.resolve([]),
          ...{ prompt: this.#host.prompt, images: this.#look() },
        },
        { ...this.#answerOptions({}), signal },
        display,
      );
      await display.finish(caption);
    } finally {
      display.end();
    }
  }

  /** Equal for the same images; undefined where they may change. */
  #imageId(images: FrameSource | readonly Source[]): string | undefined {
    if ("take" in images) return this.preview.imageId;
    const ids = images.map(constantImageId);
    return ids.includes(undefined) ? undefined : ids.join();
  }

  /** What a question without a source is about. */
  #look(): FrameSource | readonly Source[] {
    const { still } = this.preview;
    return still ? [still] : this.preview;
  }

  /** Side of the square, in pixels, that an image fills. */
  get #side(): number {
    const { size, anyres } = this.#host;
    const own = sizeRule.accepts(size) ? { size } : {};
    return inputSide({ ...own, anyres }, this.info?.size);
  }

  async #showImage(file: Blob, signal: AbortSignal): Promise<void> {
    const bitmap = await decodeImage(file, this.#side);
    if (signal.aborted) {
      bitmap.close();
      throw aborted();
    }
    this.preview.show(bitmap);
    this.#host.requestUpdate();
  }

  /** A model is loaded: live captions that waited for it start. */
  #begin(): void {
    if (this.#live === "waiting" || this.#live === "failed") this.#applyLive();
  }

  #applyLive(): void {
    this.#live = this.#host.live ? "on" : "off";
    if (this.preview.freezing) return;
    const signal = this.#beginTask();
    const live = this.#host.live && this.preview.live;
    this.status.update({ live });
    if (!live) return;
    this.modelChanged();
    void this.#captionFrames(signal);
  }

  #beginTask(): AbortSignal {
    this.#task.abort();
    this.#task = new AbortController();
    return this.#until(this.#task.signal);
  }

  /** Captions one frame after another until `signal` aborts. */
  async #captionFrames(signal: AbortSignal): Promise<void> {
    const display = new AnswerDisplay(this.#host, this.status, "caption");
    this.preview.skip();
    try {
      const captions = this.#session.captions(
        this.preview,
        () => this.#liveOptions(),
        {
          ...display,
          onError: (error) => {
            display.end();
            this.status.report("error", error);
          },
        },
        signal,
      );
      for await (const caption of captions) await display.finish(caption);
    } catch (thrown) {
      if (signal.aborted) return;
      this.#live = "failed";
      display.end();
      this.status.report("error", VlmError.from(thrown));
      this.status.update({ live: false });
    } finally {
      display.end();
    }
  }

  #liveOptions(): WatchOptions {
    const { prompt, gate, draft, live, whileHidden } = this.#host;
    checkOption("draft", draft, drafts);
    return {
      ...this.#answerOptions({ gate, draft: draft === "live" }),
      ...{ prompt, whileHidden, changed: live === "changes" },
    };
  }

  /** The wake lock is for a source that is open or waited for. */
  async #keepAwake(opened: Promise<void>, signal: AbortSignal): Promise<void> {
    await opened.catch(() => undefined);
    if (this.preview.open) keepAwake(signal);
  }

  /** Live captions wait until the page is visible. */
  get #isHidden(): boolean {
    return document.hidden && !this.#host.whileHidden;
  }

  #watchVisibility(signal: AbortSignal): void {
    const update = (): void => {
      const frozen = this.preview.still !== undefined;
      this.status.update({ paused: this.#isHidden || frozen });
    };
    document.addEventListener("visibilitychange", update, { signal });
  }

  /** Aborts with each of them and with the host's own signal. */
  #until(signal: AbortSignal, other?: AbortSignal): AbortSignal {
    return anySignal(signal, other, this.#host.signal);
  }

  async #attempt<T>(operation: () => Promise<T>): Promise<T> {
    this.status.begin();
    try {
      return await operation();
    } catch (thrown) {
      const error = VlmError.from(thrown);
      const recovers = error === this.preview.waitsFor;
      this.status.report(recovers ? "interruption" : "error", error);
      throw error;
    }
  }
}

/** Throws `bad-option`. */
function checkAskOptions(options: AskOptions): void {
  checkOptions(options, askRules);
  if (options.messages && options.history) {
    throw badOption(
      "messages and history: true exclude each other.",
      "Pass the earlier messages yourself, or leave messages out.",
    );
  }
}

/** Without the entries that are undefined. */
function defined<T extends object>(options: T): T {
  const entries = Object.entries(options).filter(([, value]) => {
    return value !== undefined;
  });
  return Object.fromEntries(entries) as T;
}

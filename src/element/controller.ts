import type { ReactiveController } from "lit";
import { decodeImage } from "../capture/decode-image";
import type { FrameSource, OpenFrameSource } from "../capture/frame-source";
import { keepAwake, pageVisible } from "../capture/page-visibility";
import type { AnswerObserver } from "../session/answer";
import { Session, type LoadState } from "../session/session";
import type { Caption } from "../session/watch";
import type {
  AnswerOptions,
  ChatMessage,
  ModelOptions,
  WatchOptions,
} from "../session/options";
import type { Source } from "../session/source-image";
import { aborted, anySignal } from "../shared/abort";
import { now } from "../shared/clock";
import { VlmError } from "../shared/errors";
import type { ModelReport } from "../shared/models";
import { checkOption, oneOf } from "../shared/options";
import type { ModelInfo, PromptStyle } from "../shared/protocol";
import { afterPaint } from "./after-paint";
import type { FastVlmAttributes } from "./attributes";
import { emit, type CaptionDetail, type ProgressDetail } from "./events";
import { Preview } from "./preview";
import { chosenSource, hasSource, sourceKey } from "./source";
import { Status, type StatusHost } from "./status";
import type { ViewModel } from "./view";

/** Options of one request; omitted options default to the attributes. */
export interface AskOptions extends AnswerOptions {
  /** One image or several; default: the frozen or newest frame. */
  readonly source?: Source | readonly Source[] | undefined;
  /** Earlier messages of the conversation; the prompt follows them. */
  readonly messages?: readonly ChatMessage[] | undefined;
  /** Called with the text of each token. */
  readonly onToken?: ((text: string) => void) | undefined;
}

type Host = FastVlmAttributes &
  Pick<StatusHost, "stateChanged"> & {
    /** Called with each complete caption. */
    captioned(text: string): void;
  };

/** Shows the answers of requests, one after another. */
interface AnswerDisplay extends AnswerObserver {
  /** Shows the complete answer, once its first token is painted. */
  finish(caption: Caption): Promise<CaptionDetail>;
  /** Nothing is being answered any more. */
  end(): void;
}

const drafts = oneOf("live", "off");

/** Connects the element's attributes to a session and its answers to events. */
export class Controller implements ReactiveController, ViewModel {
  readonly status: Status;
  readonly preview: Preview;
  /** The model in use, also while another one loads. */
  info: ModelInfo | undefined;
  progress: ProgressDetail | undefined;
  caption = { text: "", stale: false };
  readonly #host: Host;
  #session: Session;
  /** Number of loads begun: when one ends, the progress is cleared only if it is
   * the last one. */
  #loads = 0;
  /** Aborted by `cancelLoad`. */
  #loading = new AbortController();
  /** Aborted by `stop`, with the source and what was asked since `start`. */
  #run = new AbortController();
  /** Live captions; aborted by `freeze`, too. */
  #live = new AbortController();
  /** Aborting it ends a `freeze` that is still waiting for its frame. */
  #freeze = new AbortController();
  /** Aborting it ends listening to the host's signal. */
  #listening = new AbortController();
  #started: readonly unknown[] = [];
  /** The attribute `live` when it was last applied; undefined: not yet. */
  #appliedLive: boolean | undefined;
  /** Live captions ended after repeated failures, until an option changes. */
  #gaveUp = false;

  constructor(host: Host) {
    this.#host = host;
    this.status = new Status(host);
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

  get action(): ViewModel["action"] {
    if (this.preview.open) return "stop";
    return hasSource(this.#host) ? "start" : undefined;
  }

  get shows(): ViewModel["shows"] {
    const { still, open } = this.preview;
    if (still) return "still";
    if (this.#host.for && !this.#host.stream) return "elsewhere";
    return open && !this.status.facts.interruption ? "video" : "nothing";
  }

  hostConnected(): void {
    this.listenTo(this.#host.signal);
  }

  /** Moving an element disconnects it, too: it is freed if it stays so. */
  hostDisconnected(): void {
    queueMicrotask(() => {
      if (this.#host.isConnected) return;
      this.#listening.abort();
      this.dispose();
    });
  }

  load(signal?: AbortSignal): Promise<ModelInfo> {
    return this.#attempt(() => this.#load(signal));
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
    if (!this.info || !this.#captionsAreLive()) return;
    if (this.#loadState() !== "failed") this.preload();
  }

  cancelLoad(): void {
    this.#loading.abort();
    this.#loading = new AbortController();
    // A source that waited for its first model is useless without it.
    if (!this.info) this.stop();
  }

  async inspect(options: ModelOptions): Promise<ModelReport> {
    const { model, folder } = options;
    const named = this.#modelOptions();
    const other = model !== undefined || folder !== undefined;
    const size = options.size ?? this.#host.size;
    return this.#session.inspect({
      ...{ ...named, ...defined(options) },
      folder: other ? folder : named.folder,
      size: size === 0 ? undefined : size,
    });
  }

  /** @internal */
  get models(): Pick<Session, "stored" | "removeStored"> {
    return this.#session;
  }

  ask(prompt: string | undefined, options: AskOptions): Promise<CaptionDetail> {
    const signal = this.#until(this.#run.signal, options.signal);
    return this.#attempt(() => this.#ask(prompt, { ...options, signal }));
  }

  async start(): Promise<void> {
    this.stop();
    this.#started = sourceKey(this.#host);
    const signal = this.#until(this.#run.signal);
    await this.#attempt(async () => {
      if (signal.aborted) throw aborted();
      const source = chosenSource(this.#host);
      if (source.kind === "image") {
        await this.#showImage(source.file, signal);
        await this.#ask(undefined, { signal });
        return;
      }
      // Before anything is awaited: sharing a screen needs a recent click.
      const opened = this.preview.start(source);
      this.#host.requestUpdate();
      this.#watchVisibility(signal);
      void this.#keepAwake(opened, signal);
      // Captions do not depend on `opened`: a camera that failed may recover.
      const loaded = this.#ensureModel(signal, true).then(() => this.#begin());
      await Promise.all([opened, loaded]);
      if (this.preview.isStill && !this.#host.live) {
        await this.#ask(undefined, { signal });
      }
    });
  }

  stop(): void {
    this.#run.abort();
    this.#run = new AbortController();
    this.#live.abort();
    this.#freeze.abort();
    this.#appliedLive = undefined;
    this.#gaveUp = false;
    this.preview.stop();
    this.status.update({ interruption: undefined, paused: false, live: false });
  }

  async freeze(): Promise<void> {
    if (!this.preview.open || this.preview.still) return;
    this.#freeze.abort();
    const { signal } = (this.#freeze = new AbortController());
    this.#live.abort();
    try {
      await this.#attempt(() => this.preview.freeze(signal));
    } catch (thrown) {
      if (!signal.aborted) this.#applyLive();
      throw thrown;
    }
    // They may have started again while the frame was awaited.
    this.#live.abort();
    this.status.update({ paused: true, live: false });
  }

  resume(): void {
    if (!this.preview.open) return;
    this.#freeze.abort();
    this.preview.thaw();
    this.status.update({ paused: document.hidden });
    this.#applyLive();
  }

  dispose(): void {
    this.stop();
    this.#loading.abort();
    this.#loading = new AbortController();
    this.#session.dispose();
    this.#session = this.#createSession();
    this.info = this.progress = undefined;
    this.status.reset();
  }

  /** Stops when `signal` aborts, as long as it is the host's signal. */
  listenTo(signal: AbortSignal | undefined): void {
    this.#listening.abort();
    this.#listening = new AbortController();
    const stop = (): void => {
      if (signal !== this.#host.signal) return;
      this.stop();
      this.#loading.abort();
      this.#loading = new AbortController();
    };
    if (signal?.aborted) stop();
    const listening = this.#listening.signal;
    signal?.addEventListener("abort", stop, { once: true, signal: listening });
  }

  /** Applies the attributes to a started source; some of them `changed`. */
  update(changed: boolean): void {
    if (!this.preview.open) return;
    const { live } = this.#host;
    const key = sourceKey(this.#host);
    if (key.some((value, at) => value !== this.#started[at])) {
      if (key[0] === "none") this.stop();
      // The event `error` reports what fails.
      else this.start().catch(() => undefined);
    } else if (
      (this.#appliedLive ?? live) !== live ||
      (changed && this.#gaveUp)
    ) {
      this.#applyLive();
    }
  }

  #createSession(): Session {
    return new Session(this.#host, {
      onProgress: (progress) => this.#onProgress(progress),
      onReady: (info) => this.#onReady(info),
      onLost: () => this.status.update({ loaded: false }),
    });
  }

  /** Attributes are any strings: the session checks them. */
  #modelOptions(): ModelOptions {
    const { model, folder, dtype, device, backend } = this.#host;
    return { model, folder, dtype, device, backend } as ModelOptions;
  }

  /** `options`, and the attributes for those left out. */
  #answerOptions(options: AnswerOptions): AnswerOptions {
    const { fit, anyres, size, maxTokens, sampling } = this.#host;
    return {
      ...{ fit, anyres, maxTokens },
      promptStyle: this.#host.promptStyle as PromptStyle,
      ...(size !== 0 && { size }),
      ...defined(options),
      sampling: { ...sampling, ...options.sampling },
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
      if (load === this.#loads) this.#endLoading();
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
    const { messages } = this.status;
    if (!this.progress) {
      this.status.announce(messages.phases.loading, messages.lang);
    }
    this.progress = progress;
    const loading = progress.phase === "warming" ? "warming" : "loading";
    this.status.update({ loading });
    emit(this.#host, "modelprogress", progress);
  }

  #onReady(info: ModelInfo): void {
    this.info = info;
    this.progress = undefined;
    this.status.update({ loading: undefined, loaded: true });
    emit(this.#host, "ready", info);
    const { messages } = this.status;
    this.status.announce(messages.modelReady, messages.lang);
    this.#begin();
  }

  #endLoading(): void {
    this.progress = undefined;
    this.status.update({ loading: undefined });
  }

  /** A display for requests that follow one another; it shows each answer while it
   * arrives. */
  #display(onToken?: (text: string) => void): AnswerDisplay {
    const host = this.#host;
    let firstToken = 0;
    let painted: Promise<number | undefined> | undefined;
    return {
      onFrame: ({ time, dropped }) => {
        firstToken = 0;
        painted = undefined;
        this.caption.stale = true;
        this.status.update({ error: undefined, activity: "seeing" });
        emit(host, "frame", { time, dropped });
      },
      onToken: ({ id, text }) => {
        firstToken ||= now();
        const { stale, text: previous } = this.caption;
        this.caption = { text: stale ? text : previous + text, stale: false };
        this.status.update({ activity: "speaking" });
        emit(host, "token", { id, text });
        onToken?.(text);
        if (text) painted ??= host.updateComplete.then(afterPaint);
      },
      finish: async ({ type, timings, ...caption }) => {
        const time = await painted;
        const { ttft = 0, wait = 0, ...rest } = timings;
        const paint = (time ?? firstToken) - firstToken;
        const seen = time !== undefined && { ttft: ttft + paint, wait, paint };
        const detail = { ...caption, timings: { ...rest, ...seen } };
        const { text } = caption;
        this.caption = { text, stale: false };
        host.captioned(text);
        if (!host.mutedText) this.status.announce(text);
        emit(host, "caption", detail);
        this.status.update({ activity: undefined });
        return detail;
      },
      end: () => {
        this.caption.stale = false;
        this.status.update({ activity: undefined });
      },
    };
  }

  async #ask(
    prompt: string | undefined,
    { source, messages = [], onToken, ...options }: AskOptions,
  ): Promise<CaptionDetail> {
    const signal = options.signal ?? this.#run.signal;
    await this.#ensureModel(signal, false);
    const text = prompt ?? this.#host.prompt;
    const images = source === undefined ? this.#look() : [source].flat();
    const display = this.#display(onToken);
    try {
      const caption = await this.#session.respond(
        { messages, prompt: text, images },
        this.#answerOptions(options),
        display,
      );
      return await display.finish(caption);
    } finally {
      display.end();
    }
  }

  /** What a question without a source is about. */
  #look(): FrameSource | readonly Source[] {
    const { still } = this.preview;
    if (still) return [still];
    return this.preview.source(this.#elementId);
  }

  get #elementId(): string {
    const { stream, for: id } = this.#host;
    return stream ? "" : id;
  }

  async #showImage(file: Blob, signal: AbortSignal): Promise<void> {
    const bitmap = await decodeImage(file);
    if (signal.aborted) {
      bitmap.close();
      throw aborted();
    }
    this.preview.show(bitmap);
    this.#host.requestUpdate();
  }

  #captionsAreLive(): boolean {
    const { open, still } = this.preview;
    return this.#host.live && open && !still;
  }

  /** A model is loaded: live captions that waited for it start. */
  #begin(): void {
    if (this.#appliedLive === undefined || this.#gaveUp) this.#applyLive();
  }

  #applyLive(): void {
    this.#appliedLive = this.#host.live;
    this.#gaveUp = false;
    this.#live.abort();
    this.#live = new AbortController();
    const live = this.#captionsAreLive();
    this.status.update({ live });
    if (!live) return;
    this.modelChanged();
    void this.#captionFrames(this.#until(this.#live.signal));
  }

  /** Captions one frame after another until `signal` aborts. */
  async #captionFrames(signal: AbortSignal): Promise<void> {
    const display = this.#display();
    this.preview.skip();
    try {
      const captions = this.#session.captions(
        this.#liveSource(),
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
      this.#gaveUp = true;
      display.end();
      this.status.report("error", VlmError.from(thrown));
      this.status.update({ live: false });
    } finally {
      display.end();
    }
  }

  /** A source that does not change by itself is captioned again once one of
   * these options changes. */
  #liveSource(): OpenFrameSource {
    const question = (): string => {
      const { prompt, promptStyle, fit, anyres, size } = this.#host;
      return JSON.stringify([prompt, promptStyle, fit, anyres, size]);
    };
    const source = this.preview.source(this.#elementId, question);
    return {
      ready: async (signal) => {
        await pageVisible(signal);
        return source.ready(signal);
      },
      take: (signal) => source.take(signal),
      close: () => undefined,
    };
  }

  #liveOptions(): WatchOptions {
    const { prompt, gate, draft } = this.#host;
    checkOption("draft", draft, drafts);
    return {
      ...this.#answerOptions({ gate, draft: draft === "live" }),
      prompt,
    };
  }

  /** The wake lock is for a source that is open or waited for. */
  async #keepAwake(opened: Promise<void>, signal: AbortSignal): Promise<void> {
    await opened.catch(() => undefined);
    if (this.preview.open) keepAwake(signal);
  }

  #watchVisibility(signal: AbortSignal): void {
    const update = (): void => {
      const frozen = this.preview.still !== undefined;
      this.status.update({ paused: document.hidden || frozen });
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

/** Without the entries that are undefined. */
function defined<T extends object>(options: T): T {
  const entries = Object.entries(options).filter(([, value]) => {
    return value !== undefined;
  });
  return Object.fromEntries(entries) as T;
}

import type { ReactiveController, ReactiveControllerHost } from "lit";
import type { CapturedFrame } from "../frame-slot";
import { checkFrame, decodePicture } from "../picture";
import { aborted } from "../queue";
import { Runtime, startWorker, type TokenEvent } from "../runtime";
import { now } from "../shared/clock";
import { VlmError } from "../shared/errors";
import type { Answer, Frame, ModelInfo } from "../shared/protocol";
import { keepAwake } from "../wake-lock";
import { captionFrame } from "./caption";
import { emit, type ProgressDetail } from "./events";
import { live } from "./live";
import {
  captureSource,
  describeOptions,
  loadOptions,
  type AskOptions,
  type Attributes,
} from "./options";
import { Stage } from "./stage";
import { noFacts, stateOf, type Facts, type State } from "./state";
import { Announcer } from "./announcer";

interface Host extends ReactiveControllerHost, HTMLElement, Attributes {
  stateChanged(state: State, previous: State): void;
}

/** What the element does between its attributes and its events. */
export class Controller implements ReactiveController {
  readonly stage: Stage;
  facts: Facts = noFacts;
  info: ModelInfo | undefined;
  progress: ProgressDetail | undefined;
  /** The newest caption, as far as it has come. */
  text = "";
  /** The caption belongs to an earlier frame than the one looked at. */
  stale = false;
  /** What assistive technology is told. */
  announcement = "";

  readonly #host: Host;
  readonly #runtime: Runtime;
  readonly #announcer = new Announcer((text) => {
    this.announcement = text;
    this.#host.requestUpdate();
  });
  /** Ends at stop: the source, and everything asked meanwhile. */
  #session = new AbortController();
  /** Ends at freeze, too: live captions. */
  #live = new AbortController();

  constructor(host: Host) {
    this.#host = host;
    this.stage = new Stage({
      onLive: () => this.#know({ interruption: undefined }),
      onInterrupted: (reason) => this.#report("interruption", reason),
      onEnded: () => this.stop(),
    });
    this.#runtime = new Runtime({
      worker: () => this.#host.worker?.() ?? startWorker(),
      onProgress: ({ phase, loaded, total }) => {
        this.progress = { phase, loaded, total };
        this.#know({ loading: phase });
        emit(host, "modelprogress", this.progress);
      },
      onReady: (info) => {
        this.info = info;
        this.progress = undefined;
        this.#know({ loading: undefined, loaded: true });
        emit(host, "ready", info);
        this.#announcer.announce("The model is ready.");
      },
      onLost: () => this.#know({ loaded: false }),
    });
    host.addController(this);
  }

  get shows(): "nothing" | "video" | "still" {
    if (this.stage.frozen) return "still";
    return this.stage.open && !this.facts.interruption ? "video" : "nothing";
  }

  /** Moving an element disconnects it, too; only one that stays so is freed. */
  hostDisconnected(): void {
    queueMicrotask(() => {
      if (!this.#host.isConnected) this.dispose();
    });
  }

  load(signal?: AbortSignal): Promise<ModelInfo> {
    return this.#attempt(() => this.#load(signal));
  }

  ask(
    source: Blob | Frame | null | undefined,
    options: AskOptions,
  ): Promise<Answer> {
    const session = this.#session.signal;
    const signal = options.signal
      ? AbortSignal.any([session, options.signal])
      : session;
    return this.#attempt(async () => {
      const frame = source ? await readFrame(source) : undefined;
      const take = (): Promise<CapturedFrame> =>
        frame
          ? Promise.resolve({ frame, time: now(), dropped: 0 })
          : this.stage.frame(signal);
      try {
        return await this.#caption(take, { ...options, signal });
      } finally {
        frame?.close();
      }
    });
  }

  async start(): Promise<void> {
    this.stop();
    const { signal } = this.#session;
    await this.#attempt(async () => {
      const source = captureSource(this.#host);
      if (source.kind === "picture") {
        const bitmap = await decodePicture(source.file);
        if (signal.aborted) throw aborted();
        this.stage.show(bitmap);
        this.#host.requestUpdate();
        await this.#caption(() => this.stage.frame(signal), { signal });
        return;
      }
      // Before anything is awaited: sharing a screen takes a recent click.
      const opened = this.stage.start(source);
      this.#host.requestUpdate();
      this.#watchVisibility(signal);
      keepAwake(signal);
      // A camera that failed may come back: captions do not depend on it.
      const following = this.#load(signal).then(() => this.followLive());
      await Promise.all([opened, following]);
    });
  }

  stop(): void {
    this.#session.abort();
    this.#session = new AbortController();
    this.#live.abort();
    this.stage.stop();
    this.#know({ interruption: undefined, paused: false, live: false });
  }

  async freeze(): Promise<void> {
    if (!this.stage.open || this.stage.frozen) return;
    this.#live.abort();
    await this.stage.freeze(this.#session.signal);
    this.#know({ paused: true, live: false });
  }

  resume(): void {
    if (!this.stage.open) return;
    this.stage.thaw();
    this.#know({ paused: document.hidden });
    this.followLive();
  }

  dispose(): void {
    this.stop();
    this.#runtime.dispose();
    this.#announcer.stop();
    this.info = undefined;
    this.progress = undefined;
    this.#know(noFacts);
  }

  /** Begins or ends live captions as the attribute says. */
  followLive(): void {
    this.#live.abort();
    this.#live = new AbortController();
    const wanted = this.#host.live && this.stage.open && !this.stage.frozen;
    this.#know({ live: wanted });
    if (!wanted) return;
    const { signal } = this.#live;
    const take = (): Promise<CapturedFrame> => this.stage.frame(signal);
    const next = async (): Promise<void> => {
      await this.#caption(take, { signal });
    };
    this.stage.skip();
    void live(next, (error) => this.#report("error", error), signal).then(
      () => {
        if (!signal.aborted) this.#know({ live: false });
      },
    );
  }

  async #load(signal: AbortSignal | undefined): Promise<ModelInfo> {
    try {
      return await this.#runtime.load(loadOptions(this.#host), signal);
    } catch (thrown) {
      this.progress = undefined;
      this.#know({ loading: undefined });
      throw thrown;
    }
  }

  async #caption(
    take: () => Promise<CapturedFrame>,
    options: AskOptions & { readonly signal: AbortSignal },
  ): Promise<Answer> {
    // Before a frame is taken, as it would be old when the model is there.
    const { side } = await this.#load(options.signal);
    const run = describeOptions(this.#host, options, side);
    const captured = await take();
    const { time, dropped } = captured;
    try {
      const { answer, detail } = await captionFrame(
        this.#runtime,
        captured,
        run,
        {
          signal: options.signal,
          onStart: () => {
            this.stale = true;
            this.#know({ error: undefined, activity: "seeing" });
            emit(this.#host, "frame", { time, dropped });
          },
          onToken: (event) => this.#token(event, options),
        },
      );
      if (answer.tokenIds.length > 0) this.text = answer.text;
      this.stale = false;
      emit(this.#host, "caption", detail);
      this.#announcer.announce(answer.text);
      return answer;
    } finally {
      this.#know({ activity: undefined });
    }
  }

  #token({ id, text }: TokenEvent, options: AskOptions): Promise<unknown> {
    this.text = this.stale ? text : this.text + text;
    this.stale = false;
    this.#know({ activity: "speaking" });
    emit(this.#host, "token", { id, text });
    options.onToken?.(text);
    return this.#host.updateComplete;
  }

  #watchVisibility(signal: AbortSignal): void {
    const check = (): void => {
      this.#know({ paused: document.hidden || this.stage.frozen });
    };
    document.addEventListener("visibilitychange", check, { signal });
  }

  async #attempt<T>(work: () => Promise<T>): Promise<T> {
    this.#know({ error: undefined });
    try {
      return await work();
    } catch (thrown) {
      const error = VlmError.from(thrown);
      const passing = error.code.startsWith("camera-");
      this.#report(passing ? "interruption" : "error", error);
      throw error;
    }
  }

  /** Being stopped is no failure. */
  #report(fact: "error" | "interruption", error: VlmError): void {
    if (error.code === "aborted") return;
    this.#know({ [fact]: error });
    const { code, message, advice } = error;
    emit(this.#host, "error", { code, message, advice });
    this.#announcer.announce(`${message} ${advice}`);
  }

  #know(news: Partial<Facts>): void {
    const previous = stateOf(this.facts);
    this.facts = { ...this.facts, ...news };
    const state = stateOf(this.facts);
    this.#host.requestUpdate();
    if (state !== previous) this.#host.stateChanged(state, previous);
  }
}

async function readFrame(source: Blob | Frame): Promise<Frame> {
  if (source instanceof Blob) return decodePicture(source);
  checkFrame(source);
  return source;
}

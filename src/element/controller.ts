import type { ReactiveController, ReactiveControllerHost } from "lit";
import { aborted, anySignal } from "../shared/abort";
import { VlmError } from "../shared/errors";
import type { Answer, ModelInfo } from "../shared/protocol";
import type { Asker, AskingHost, Said } from "./captioner";
import type { Taken } from "./caption";
import { emit } from "./events";
import { Loader } from "./loader";
import type { AskOptions } from "./options";
import { chosenSource, nothingChosen, sourceKey } from "./source";
import { looking } from "./lazy";
import { Preview } from "./preview";
import { Status } from "./status";

type Host = ReactiveControllerHost & AskingHost;

/** What the element does between its attributes and its events. */
export class Controller implements ReactiveController, Asker {
  readonly stage: Preview;
  readonly status: Status;
  readonly models: Loader;
  readonly said: Said = { text: "", stale: false };
  readonly host: Host;
  /** Ends at stop: the source, and everything asked meanwhile. */
  #session = new AbortController();
  /** What `start` found chosen, to see when it changes. */
  #started: readonly unknown[] = [];
  /** Whether captions are live; unknown until the model is there. */
  #following: boolean | undefined;
  /** Live captions failed too often: they wait for something to change. */
  #gaveUp = false;
  /** Ends at freeze, too: live captions. */
  #live = new AbortController();
  /** Ends when what is to be frozen no longer is. */
  #hold = new AbortController();
  /** Ends when the element's own signal is another, or the element is gone. */
  #heeded = new AbortController();

  constructor(host: Host) {
    this.host = host;
    this.status = new Status(host);
    this.stage = new Preview(host, {
      onLive: () => this.status.know({ interruption: undefined }),
      onInterrupted: (reason) => this.status.report("interruption", reason),
      onEnded: () => {
        this.stop();
        emit(host, "ended", null);
      },
    });
    this.models = new Loader(host, this.status, () => this.#onReady());
    host.addController(this);
  }

  get can(): "start" | "stop" | "nothing" {
    if (this.stage.open) return "stop";
    const { stream, for: id, source } = this.host;
    return stream || id || source !== "none" ? "start" : "nothing";
  }

  get shows(): "nothing" | "video" | "still" | "elsewhere" {
    const { frozen, open } = this.stage;
    if (frozen) return "still";
    if (this.host.for && !this.host.stream) return "elsewhere";
    return open && !this.status.facts.interruption ? "video" : "nothing";
  }

  /** Moving an element disconnects it, too; only one that stays so is freed. */
  hostDisconnected(): void {
    queueMicrotask(() => {
      if (this.host.isConnected) return;
      this.#heeded.abort();
      this.dispose();
    });
  }

  hostConnected(): void {
    this.heed(this.host.signal);
  }

  load(signal?: AbortSignal): Promise<ModelInfo> {
    return this.#attempt(() => this.models.load(signal, this.host.signal));
  }

  /** Loads what the attributes name, unless that is under way. */
  preload(): void {
    try {
      if (this.models.isUnderWay()) return;
    } catch {
      // What the attributes name is nothing: the load tells.
    }
    // What fails, an event tells.
    this.load().catch(() => undefined);
  }

  /** A source that waited for its first model has nothing to wait for. */
  cancelLoad(): void {
    this.models.cancel();
    if (!this.models.info) this.stop();
  }

  ask(prompt: string | undefined, options: AskOptions): Promise<Answer> {
    const signal = this.#bound(this.#session.signal, options.signal);
    return this.#attempt(async () => {
      const { askAbout } = await looking();
      return askAbout(this, { ...options, prompt, signal });
    });
  }

  async start(): Promise<void> {
    this.stop();
    this.#started = sourceKey(this.host);
    const signal = this.#bound(this.#session.signal);
    await this.#attempt(async () => {
      if (signal.aborted) throw aborted();
      const source = chosenSource(this.host);
      if (!source) throw nothingChosen();
      if (source.kind === "picture") {
        await this.#showPicture(source.file, signal);
        return;
      }
      // Before anything is awaited: sharing a screen takes a recent click.
      const opened = this.stage.start(source);
      this.host.requestUpdate();
      this.#watchVisibility(signal);
      void this.#keepAwake(opened, signal);
      // A camera that failed may come back: captions do not depend on it.
      const following = this.models
        .ready(signal, true)
        .then(() => this.#onReady());
      await Promise.all([opened, following]);
      const once = this.stage.isStill && !this.host.live;
      const { ask } = await looking();
      if (once) await ask(this, () => this.newest(signal), { signal });
    });
  }

  stop(): void {
    this.#session.abort();
    this.#session = new AbortController();
    this.#live.abort();
    this.#hold.abort();
    this.#following = undefined;
    this.#gaveUp = false;
    this.stage.stop();
    this.status.know({ interruption: undefined, paused: false, live: false });
  }

  async freeze(): Promise<void> {
    if (!this.stage.open || this.stage.frozen) return;
    this.#hold.abort();
    const { signal } = (this.#hold = new AbortController());
    this.#live.abort();
    try {
      await this.#attempt(() => this.stage.freeze(signal));
    } catch (thrown) {
      if (!signal.aborted) this.#followLive();
      throw thrown;
    }
    // They may have begun again meanwhile.
    this.#live.abort();
    this.status.know({ paused: true, live: false });
  }

  resume(): void {
    if (!this.stage.open) return;
    this.#hold.abort();
    this.stage.thaw();
    this.status.know({ paused: document.hidden });
    this.#followLive();
  }

  dispose(): void {
    this.stop();
    this.models.dispose();
    this.status.reset();
  }

  /** Stops when `signal` aborts, as long as it is the element's own. */
  heed(signal: AbortSignal | undefined): void {
    this.#heeded.abort();
    this.#heeded = new AbortController();
    const stop = (): void => {
      if (signal !== this.host.signal) return;
      this.stop();
      this.models.cancel();
    };
    if (signal?.aborted) stop();
    const heeded = this.#heeded.signal;
    signal?.addEventListener("abort", stop, { once: true, signal: heeded });
  }

  /** Does to what is started as attributes say, of which some `changed`. */
  follow(changed: boolean): void {
    if (!this.stage.open) return;
    const { live } = this.host;
    const chosen = sourceKey(this.host);
    if (chosen.some((value, at) => value !== this.#started[at])) {
      if (chosen[0] === "none") this.stop();
      // What fails, an event tells.
      else this.start().catch(() => undefined);
    } else if (
      (this.#following ?? live) !== live ||
      (changed && this.#gaveUp)
    ) {
      this.#followLive();
    }
  }

  /** A model is there: live captions that had to do without it begin. */
  #onReady(): void {
    if (this.#following === undefined || this.#gaveUp) this.#followLive();
  }

  #followLive(): void {
    this.#following = this.host.live;
    this.#gaveUp = false;
    this.#live.abort();
    this.#live = new AbortController();
    const wanted = this.host.live && this.stage.open && !this.stage.frozen;
    this.status.know({ live: wanted });
    if (!wanted) return;
    const signal = this.#bound(this.#live.signal);
    this.stage.skip();
    this.#liveCaptions(signal).then(
      () => {
        if (signal.aborted) return;
        this.#gaveUp = true;
        this.status.know({ live: false });
      },
      (thrown: unknown) => this.status.report("error", VlmError.from(thrown)),
    );
  }

  async #liveCaptions(signal: AbortSignal): Promise<void> {
    const { captionAll } = await looking();
    await captionAll(this, signal);
  }

  /** What is looked at, as far as the question `asked` does not know it. */
  async newest(signal: AbortSignal, asked?: () => string): Promise<Taken> {
    const { stream, for: id } = this.host;
    const captured = await this.stage.frame(signal, stream ? "" : id, asked);
    const { frame, name, ...rest } = captured;
    return { frames: [frame], names: [name ?? null], ...rest };
  }

  async #showPicture(file: Blob, signal: AbortSignal): Promise<void> {
    const { ask, decodeImage } = await looking();
    const bitmap = await decodeImage(file);
    if (signal.aborted) {
      bitmap.close();
      throw aborted();
    }
    this.stage.show(bitmap);
    this.host.requestUpdate();
    await ask(this, () => this.newest(signal), { signal });
  }

  /** What is neither open nor waited for keeps no screen on. */
  async #keepAwake(opened: Promise<void>, signal: AbortSignal): Promise<void> {
    try {
      await opened.catch(() => undefined);
      const { keepAwake } = await looking();
      if (this.stage.open) keepAwake(signal);
    } catch {
      // Then the screen goes off as usual.
    }
  }

  #watchVisibility(signal: AbortSignal): void {
    const check = (): void => {
      this.status.know({ paused: document.hidden || this.stage.frozen });
    };
    document.addEventListener("visibilitychange", check, { signal });
  }

  /** Ends with any of them, and with the element's own signal. */
  #bound(signal: AbortSignal, other?: AbortSignal): AbortSignal {
    return anySignal(signal, other, this.host.signal);
  }

  async #attempt<T>(work: () => Promise<T>): Promise<T> {
    this.status.begin();
    try {
      return await work();
    } catch (thrown) {
      const error = VlmError.from(thrown);
      const passing = error === this.stage.waitsFor;
      this.status.report(passing ? "interruption" : "error", error);
      throw error;
    }
  }
}

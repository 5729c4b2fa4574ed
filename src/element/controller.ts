import type { ReactiveController, ReactiveControllerHost } from "lit";
import { aborted } from "../queue";
import type { TokenEvent } from "../run";
import { now } from "../shared/clock";
import { VlmError } from "../shared/errors";
import type { Answer, ModelInfo } from "../shared/protocol";
import { keepAwake } from "../wake-lock";
import { captionFrame, type Taken } from "./caption";
import { emit } from "./events";
import { decodeAll, readPicture, type Given } from "./given";
import { live } from "./live";
import { Loader } from "./loader";
import {
  captureSource,
  describeOptions,
  liveOptions,
  type AskOptions,
  type Attributes,
} from "./options";
import { Status, type StatusHost } from "./status";
import { Stage } from "./stage";

/** A question with all that goes with it. */
interface Question extends AskOptions {
  readonly signal: AbortSignal;
  /** Pictures that `take` will give. */
  readonly images: number;
  readonly live?: boolean;
}

type Host = ReactiveControllerHost & StatusHost & Attributes;

/** What the element does between its attributes and its events. */
export class Controller implements ReactiveController {
  readonly stage: Stage;
  readonly status: Status;
  readonly models: Loader;
  /** The newest caption, as far as it has come. */
  text = "";
  /** The caption belongs to an earlier frame than the one looked at. */
  stale = false;

  readonly #host: Host;
  /** Ends at stop: the source, and everything asked meanwhile. */
  #session = new AbortController();
  /** The attributes that `start` found, to see when they change. */
  #started = "";
  /** Whether captions are live; unknown until the model is there. */
  #following: boolean | undefined;
  /** Ends at freeze, too: live captions. */
  #live = new AbortController();

  constructor(host: Host) {
    this.#host = host;
    this.status = new Status(host);
    this.stage = new Stage({
      onLive: () => this.status.know({ interruption: undefined }),
      onInterrupted: (reason) => this.status.report("interruption", reason),
      onEnded: () => {
        this.stop();
        emit(host, "ended", null);
      },
    });
    this.models = new Loader(host, this.status, this.#onReady);
    host.addController(this);
  }

  get shows(): "nothing" | "video" | "still" {
    if (this.stage.frozen) return "still";
    return this.stage.open && !this.status.facts.interruption
      ? "video"
      : "nothing";
  }

  /** Moving an element disconnects it, too; only one that stays so is freed. */
  hostDisconnected(): void {
    queueMicrotask(() => {
      if (!this.#host.isConnected) this.dispose();
    });
  }

  load(signal?: AbortSignal): Promise<ModelInfo> {
    return this.#attempt(() => this.models.load(signal));
  }

  ask(given: Given, options: AskOptions): Promise<Answer> {
    const session = this.#session.signal;
    const signal = options.signal
      ? AbortSignal.any([session, options.signal])
      : session;
    return this.#attempt(async () => {
      const decoded = await decodeAll(given);
      const frames = decoded?.frames;
      const take = async (): Promise<Taken> =>
        decoded
          ? { ...decoded, time: now(), dropped: 0 }
          : this.#newest(signal);
      const images = frames?.length ?? 1;
      try {
        return await this.#caption(take, { ...options, signal, images });
      } finally {
        frames?.forEach((frame) => frame.close());
      }
    });
  }

  async start(): Promise<void> {
    this.stop();
    this.#started = sourceKey(this.#host);
    const { signal } = this.#session;
    await this.#attempt(async () => {
      const source = captureSource(this.#host);
      if (source.kind === "picture") {
        const bitmap = await readPicture(source.file);
        if (signal.aborted) throw aborted();
        this.stage.show(bitmap);
        this.#host.requestUpdate();
        const take = (): Promise<Taken> => this.#newest(signal);
        await this.#caption(take, { signal, images: 1 });
        return;
      }
      // Before anything is awaited: sharing a screen takes a recent click.
      const opened = this.stage.start(source);
      this.#host.requestUpdate();
      this.#watchVisibility(signal);
      keepAwake(signal);
      // A camera that failed may come back: captions do not depend on it.
      const following = this.models.ready(signal, true).then(this.#onReady);
      await Promise.all([opened, following]);
    });
  }

  stop(): void {
    this.#session.abort();
    this.#session = new AbortController();
    this.#live.abort();
    this.#following = undefined;
    this.stage.stop();
    this.status.know({ interruption: undefined, paused: false, live: false });
  }

  async freeze(): Promise<void> {
    if (!this.stage.open || this.stage.frozen) return;
    this.#live.abort();
    await this.stage.freeze(this.#session.signal);
    this.status.know({ paused: true, live: false });
  }

  resume(): void {
    if (!this.stage.open) return;
    this.stage.thaw();
    this.status.know({ paused: document.hidden });
    this.#followLive();
  }

  dispose(): void {
    this.stop();
    this.models.dispose();
    this.status.reset();
  }

  /** Does to what is started as changed attributes say. */
  follow(): void {
    if (!this.stage.open) return;
    if (this.#started !== sourceKey(this.#host)) {
      // What fails, an event tells.
      this.start().catch(() => undefined);
    } else if ((this.#following ?? this.#host.live) !== this.#host.live) {
      this.#followLive();
    }
  }

  /** A model is there: live captions that had to do without it begin. */
  readonly #onReady = (): void => {
    if (this.#following === undefined) this.#followLive();
  };

  #followLive(): void {
    this.#following = this.#host.live;
    this.#live.abort();
    this.#live = new AbortController();
    const wanted = this.#host.live && this.stage.open && !this.stage.frozen;
    this.status.know({ live: wanted });
    if (!wanted) return;
    const { signal } = this.#live;
    const take = (): Promise<Taken> => this.#newest(signal);
    const next = async (): Promise<void> => {
      const own = liveOptions(this.#host);
      await this.#caption(take, { signal, images: 1, live: true, ...own });
    };
    this.stage.skip();
    void live(next, (error) => this.status.report("error", error), signal).then(
      () => {
        if (!signal.aborted) this.status.know({ live: false });
      },
    );
  }

  async #newest(signal: AbortSignal): Promise<Taken> {
    const { frame, name, ...rest } = await this.stage.frame(signal);
    return { frames: [frame], names: [name ?? null], ...rest };
  }

  async #caption(
    take: () => Promise<Taken>,
    question: Question,
  ): Promise<Answer> {
    const { signal, images, live = false } = question;
    // Before a frame is taken, as it would be old when the model is there.
    const { side } = await this.models.ready(signal, live);
    const run = describeOptions(this.#host, question, side, images);
    const captured = await take();
    const { time, dropped } = captured;
    try {
      const { answer, detail } = await captionFrame(
        this.models.lease,
        captured,
        run,
        {
          signal,
          onStart: () => {
            this.stale = true;
            this.status.know({ error: undefined, activity: "seeing" });
            emit(this.#host, "frame", { time, dropped });
          },
          onToken: (event) => this.#token(event, question),
        },
      );
      const { tokenIds, finish } = answer;
      // Stopped before it said anything: the caption before stays.
      if (finish !== "abort" || tokenIds.length > 0) this.text = answer.text;
      this.stale = false;
      emit(this.#host, "caption", detail);
      this.status.announce(answer.text);
      return answer;
    } finally {
      this.status.know({ activity: undefined });
    }
  }

  #token({ id, text }: TokenEvent, options: AskOptions): Promise<unknown> {
    this.text = this.stale ? text : this.text + text;
    this.stale = false;
    this.status.know({ activity: "speaking" });
    emit(this.#host, "token", { id, text });
    options.onToken?.(text);
    return this.#host.updateComplete;
  }

  #watchVisibility(signal: AbortSignal): void {
    const check = (): void => {
      this.status.know({ paused: document.hidden || this.stage.frozen });
    };
    document.addEventListener("visibilitychange", check, { signal });
  }

  async #attempt<T>(work: () => Promise<T>): Promise<T> {
    this.status.know({ error: undefined });
    try {
      return await work();
    } catch (thrown) {
      const error = VlmError.from(thrown);
      const passing = error.code.startsWith("camera-");
      this.status.report(passing ? "interruption" : "error", error);
      throw error;
    }
  }
}

function sourceKey({ source, camera, facing }: Attributes): string {
  return JSON.stringify([source, camera, facing]);
}

import { anySignal } from "../shared/abort";
import { createFastVlm } from "../session/create-fast-vlm";
import type { DownloadMonitor } from "../session/download-monitor";
import { environmentRules, inputSide } from "../session/options";
import type { Session } from "../session/session";
import { checkOptions, pickOptions } from "../shared/options";
import { ContextWindow } from "./context-window";
import {
  dictionary,
  modelSettings,
  params,
  readCreateOptions,
  sequence,
  settingsRules,
} from "./create-options";
import {
  measureTurns,
  PromptConversation,
  type ConversationOptions,
} from "./conversation";
import {
  asDomException,
  destroyed,
  notSupported,
  untilAborted,
} from "./errors";
import { releaseImages } from "./held-images";
import { copyImages } from "./images";
import { parsePrompt } from "./messages";
import type {
  Availability,
  LanguageModelAppendOptions,
  LanguageModelCloneOptions,
  LanguageModelCoreOptions,
  LanguageModelCreateOptions,
  LanguageModelParams,
  LanguageModelPrompt,
  LanguageModelPromptOptions,
  LanguageModelSettings,
} from "./types";

/** A browser has a model of its own; a page has to choose one. */
function assertModelChosen({ model, folder }: LanguageModelSettings): void {
  if (model !== undefined || folder !== undefined) return;
  throw notSupported(
    'No model was chosen. Choose one with LanguageModel.with({ model: "…" }).',
  );
}

type Listener = ((event: Event) => void) | null;

/** A session that a language model shares with its clones; the last disposes
 * of it. */
class SharedSession {
  readonly session: Session;
  readonly #dispose: () => void;
  #users = 1;

  private constructor(session: Session, dispose: () => void) {
    this.session = session;
    this.#dispose = dispose;
  }

  static async open(
    settings: LanguageModelSettings,
    signal: AbortSignal,
    monitor?: (monitor: DownloadMonitor) => void,
  ): Promise<SharedSession> {
    const vlm = createFastVlm(pickOptions(settings, environmentRules));
    const dispose = (): void => void vlm.dispose();
    try {
      checkOptions(settings, settingsRules);
      const options = pickOptions(settings, modelSettings);
      const session = await vlm.create({ ...options, signal, monitor });
      return new SharedSession(session, dispose);
    } catch (error) {
      dispose();
      throw error;
    }
  }

  addUser(): SharedSession {
    this.#users += 1;
    return this;
  }

  release(): void {
    this.#users -= 1;
    if (this.#users === 0) this.#dispose();
  }
}

/**
 * A session of the Prompt API: one conversation, whose prompts are answered one
 * after another. It rejects like that API, with the `VlmError` as the cause.
 */
export class LanguageModel extends EventTarget {
  /** Set by `with`. */
  protected static settings: LanguageModelSettings = {};

  readonly #shared: SharedSession;
  readonly #conversation: PromptConversation;
  readonly #life = new AbortController();
  #oncontextoverflow: Listener = null;

  /** @internal Use `create`. */
  constructor(
    shared: SharedSession,
    options: Omit<ConversationOptions, "session">,
    context: ContextWindow,
  ) {
    super();
    this.#shared = shared;
    const { session } = shared;
    this.#conversation = new PromptConversation(
      { ...options, session },
      context,
      () => {
        this.dispatchEvent(new Event("contextoverflow"));
      },
    );
  }

  /** A subclass with another model or other image options. */
  static with(settings: LanguageModelSettings): typeof LanguageModel {
    const all = { ...this.settings, ...settings };
    return class extends this {
      protected static override settings = all;
    };
  }

  /** Whether `create` would download weights; downloads small files only. */
  static async availability(
    options: LanguageModelCoreOptions = {},
  ): Promise<Availability> {
    if (readCreateOptions(dictionary(options)).unsupported !== undefined) {
      return "unavailable";
    }
    const { settings } = this;
    assertModelChosen(settings);
    const vlm = createFastVlm(pickOptions(settings, environmentRules));
    try {
      checkOptions(settings, settingsRules);
      return await vlm.availability(pickOptions(settings, modelSettings));
    } catch (error) {
      throw asDomException(error);
    } finally {
      await vlm.dispose();
    }
  }

  /** Defaults and limits of `temperature` and `topK`. */
  static params(): Promise<LanguageModelParams> {
    return Promise.resolve(params);
  }

  static async create(
    options: LanguageModelCreateOptions = {},
  ): Promise<LanguageModel> {
    const { monitor, initialPrompts = [], ...given } = dictionary(options);
    const { signal = new AbortController().signal } = given;
    signal.throwIfAborted();
    if (monitor !== undefined && typeof monitor !== "function") {
      throw new TypeError("monitor must be a function.");
    }
    const { settings } = this;
    const core = readCreateOptions(given);
    const first = sequence(initialPrompts, "initialPrompts");
    // Unlike an empty prompt, no initial prompts add no message.
    const { turns, prefix } =
      first.length === 0
        ? { turns: [] }
        : parsePrompt(first, { images: core.images, later: false });
    if (prefix !== undefined) {
      throw new DOMException(
        "An initial prompt cannot be a prefix.",
        "SyntaxError",
      );
    }
    if (core.unsupported !== undefined) throw notSupported(core.unsupported);
    assertModelChosen(settings);
    const copying = copyImages(
      turns.flatMap(({ images }) => images),
      inputSide(settings),
      signal,
    );
    copying.catch(() => undefined);
    const open = async (): Promise<LanguageModel> => {
      const shared = await SharedSession.open(settings, signal, monitor);
      try {
        const { session } = shared;
        const images = await copying;
        const counted = { session, settings };
        const initial = await measureTurns(counted, turns, images, signal);
        const { limit } = await session.count([], { signal });
        signal.throwIfAborted();
        const context = new ContextWindow(limit, initial);
        return new this(shared, { settings, core }, context);
      } catch (error) {
        shared.release();
        throw error;
      }
    };
    // The context holds the images, too.
    const opening = open().finally(() =>
      copying.then(releaseImages, () => undefined),
    );
    return untilAborted(opening, signal);
  }

  /** Tokens of all messages so far. */
  get contextUsage(): number {
    return this.#conversation.context.usage;
  }

  /** Tokens that fit, answers included. */
  get contextWindow(): number {
    return this.#conversation.context.size;
  }

  /** Handler of `contextoverflow`: the oldest messages were evicted. */
  get oncontextoverflow(): Listener {
    return this.#oncontextoverflow;
  }

  set oncontextoverflow(listener: Listener) {
    const old = this.#oncontextoverflow;
    if (old) this.removeEventListener("contextoverflow", old);
    const isFunction = typeof listener === "function";
    this.#oncontextoverflow = isFunction ? listener : null;
    if (isFunction) this.addEventListener("contextoverflow", listener);
  }

  /** Resolves with the whole answer. */
  async prompt(
    input: LanguageModelPrompt,
    options: LanguageModelPromptOptions = {},
  ): Promise<string> {
    const given = dictionary(options);
    const signal = this.#signal(given.signal);
    return this.#conversation.prompt(input, given, signal, () => undefined);
  }

  /** Streams parts of the answer as they come. */
  promptStreaming(
    input: LanguageModelPrompt,
    options: LanguageModelPromptOptions = {},
  ): ReadableStream<string> {
    const given = dictionary(options);
    const signal = this.#signal(given.signal);
    signal.throwIfAborted();
    const cancel = new AbortController();
    const either = AbortSignal.any([signal, cancel.signal]);
    const start = (
      controller: ReadableStreamDefaultController<string>,
    ): void => {
      const onText = (text: string): void => {
        if (!either.aborted && text !== "") controller.enqueue(text);
      };
      const finish = (end: () => void): void => {
        if (!cancel.signal.aborted) end();
      };
      this.#conversation.prompt(input, given, either, onText).then(
        () => finish(() => controller.close()),
        (error: unknown) => finish(() => controller.error(error)),
      );
    };
    return new ReadableStream({
      start,
      cancel: (reason) => cancel.abort(reason),
    });
  }

  /** Adds messages without answering. */
  async append(
    input: LanguageModelPrompt,
    options: LanguageModelAppendOptions = {},
  ): Promise<undefined> {
    const { signal } = dictionary(options);
    await this.#conversation.append(input, this.#signal(signal));
  }

  /** Tokens that a prompt would add, without its answer. */
  async measureContextUsage(
    input: LanguageModelPrompt,
    options: LanguageModelPromptOptions = {},
  ): Promise<number> {
    const given = dictionary(options);
    return this.#conversation.measure(input, given, this.#signal(given.signal));
  }

  /** A session with the same conversation so far. */
  async clone(options: LanguageModelCloneOptions = {}): Promise<LanguageModel> {
    const signal = this.#signal(dictionary(options).signal);
    // An abort in the same task still rejects.
    await untilAborted(Promise.resolve(), signal);
    signal.throwIfAborted();
    const { options: own, context } = this.#conversation;
    const Own = this.constructor as typeof LanguageModel;
    return new Own(this.#shared.addUser(), own, context.clone());
  }

  /** Pending and later calls reject with `InvalidStateError`. */
  destroy(): void {
    if (this.#life.signal.aborted) return;
    this.#life.abort(destroyed());
    this.#conversation.context.close();
    this.#shared.release();
  }

  #signal(signal: AbortSignal | undefined): AbortSignal {
    return anySignal(this.#life.signal, signal);
  }
}

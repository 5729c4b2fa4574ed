import { anySignal } from "../shared/abort";
import { createFastVlm } from "../session/create-fast-vlm";
import { ContextWindow } from "./context-window";
import { params, readCreateOptions } from "./create-options";
import {
  asDomException,
  destroyed,
  notSupported,
  untilAborted,
} from "./errors";
import { readInput } from "./messages";
import { copyImages } from "./images";
import { SharedSession } from "./shared-session";
import { measureContext, PromptConversation } from "./conversation";
import { dictionary, sequence } from "./webidl";
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

/** What a browser has of its own, a page has to choose. */
function checkChosen({ model, folder }: LanguageModelSettings): void {
  if (model !== undefined || folder !== undefined) return;
  throw notSupported(
    'No model is chosen. Choose one: LanguageModel.with({ model: "…" }).',
  );
}

type Listener = ((event: Event) => void) | null;

/**
 * A session in the shape of the Prompt API's: one conversation, whose prompts
 * are answered one after another. It fails as that API does, with the `VlmError`
 * as the cause.
 */
export class LanguageModel extends EventTarget {
  /** Of `with`. */
  protected static settings: LanguageModelSettings = {};

  readonly #shared: SharedSession;
  readonly #talk: PromptConversation;
  readonly #life = new AbortController();
  #oncontextoverflow: Listener = null;

  /** @internal Use `create`. */
  constructor(
    shared: SharedSession,
    manner: Omit<PromptConversation["manner"], "session">,
    context: ContextWindow,
  ) {
    super();
    this.#shared = shared;
    const { session } = shared;
    this.#talk = new PromptConversation({ ...manner, session }, context, () => {
      this.dispatchEvent(new Event("contextoverflow"));
    });
  }

  /** The same class for another model, or one that looks otherwise. */
  static with(settings: LanguageModelSettings): typeof LanguageModel {
    const all = { ...this.settings, ...settings };
    return class extends this {
      protected static override settings = all;
    };
  }

  /** Whether `create` would have to download; downloads small files only. */
  static async availability(
    options: LanguageModelCoreOptions = {},
  ): Promise<Availability> {
    if (readCreateOptions(dictionary(options)).obstacle !== undefined)
      return "unavailable";
    checkChosen(this.settings);
    const vlm = createFastVlm(this.settings);
    try {
      return await vlm.availability(this.settings);
    } catch (error) {
      throw asDomException(error);
    } finally {
      await vlm.dispose();
    }
  }

  /** What `temperature` and `topK` may be. */
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
    // No prompts are none, not an empty one.
    const { turns, prefix } =
      first.length === 0
        ? { turns: [] }
        : readInput(first, { images: core.images, later: false });
    if (prefix !== undefined) {
      throw new DOMException("Nothing goes on from it.", "SyntaxError");
    }
    if (core.obstacle !== undefined) throw notSupported(core.obstacle);
    checkChosen(settings);
    const taking = copyImages(
      turns.flatMap(({ images }) => images),
      signal,
    );
    taking.catch(() => undefined);
    const open = async (): Promise<LanguageModel> => {
      const shared = await SharedSession.open(settings, signal, monitor);
      try {
        const { session } = shared;
        const manner = { session, settings, core };
        const said = await measureContext(manner, turns, await taking, signal);
        const { room } = await session.count([], { signal });
        signal.throwIfAborted();
        return new this(shared, manner, new ContextWindow(room, said));
      } catch (error) {
        shared.leave();
        throw error;
      }
    };
    return untilAborted(open(), signal);
  }

  /** Tokens of what was read and said. */
  get contextUsage(): number {
    return this.#talk.context.usage;
  }

  /** Tokens that there is room for, answers included. */
  get contextWindow(): number {
    return this.#talk.context.window;
  }

  /** Of `contextoverflow`: the oldest turns had to make room. */
  get oncontextoverflow(): Listener {
    return this.#oncontextoverflow;
  }

  set oncontextoverflow(listener: Listener) {
    const old = this.#oncontextoverflow;
    if (old) this.removeEventListener("contextoverflow", old);
    const isOne = typeof listener === "function";
    this.#oncontextoverflow = isOne ? listener : null;
    if (isOne) this.addEventListener("contextoverflow", listener);
  }

  /** The whole answer. */
  async prompt(
    input: LanguageModelPrompt,
    options: LanguageModelPromptOptions = {},
  ): Promise<string> {
    const given = dictionary(options);
    const until = this.#until(given.signal);
    return this.#talk.prompt(input, given, until, () => undefined);
  }

  /** Pieces of the answer as they come. */
  promptStreaming(
    input: LanguageModelPrompt,
    options: LanguageModelPromptOptions = {},
  ): ReadableStream<string> {
    const given = dictionary(options);
    const until = this.#until(given.signal);
    until.throwIfAborted();
    const left = new AbortController();
    const either = AbortSignal.any([until, left.signal]);
    const start = (
      controller: ReadableStreamDefaultController<string>,
    ): void => {
      const tell = (text: string): void => {
        if (!either.aborted && text !== "") controller.enqueue(text);
      };
      const ends = (end: () => void): void => {
        if (!left.signal.aborted) end();
      };
      this.#talk.prompt(input, given, either, tell).then(
        () => ends(() => controller.close()),
        (error: unknown) => ends(() => controller.error(error)),
      );
    };
    return new ReadableStream({ start, cancel: (why) => left.abort(why) });
  }

  /** Reads without answering. */
  async append(
    input: LanguageModelPrompt,
    options: LanguageModelAppendOptions = {},
  ): Promise<undefined> {
    const { signal } = dictionary(options);
    await this.#talk.append(input, this.#until(signal));
  }

  /** Tokens that a prompt would add, its answer not counted. */
  async measureContextUsage(
    input: LanguageModelPrompt,
    options: LanguageModelPromptOptions = {},
  ): Promise<number> {
    const given = dictionary(options);
    return this.#talk.measure(input, given, this.#until(given.signal));
  }

  /** Another session that has read and said the same. */
  async clone(options: LanguageModelCloneOptions = {}): Promise<LanguageModel> {
    const until = this.#until(dictionary(options).signal);
    // A moment in which it can be aborted.
    await untilAborted(Promise.resolve(), until);
    until.throwIfAborted();
    const { manner, context } = this.#talk;
    const Own = this.constructor as typeof LanguageModel;
    return new Own(this.#shared.join(), manner, context.clone());
  }

  /** What goes on, and comes later, rejects with `InvalidStateError`. */
  destroy(): void {
    if (this.#life.signal.aborted) return;
    this.#life.abort(destroyed());
    this.#shared.leave();
  }

  #until(signal: AbortSignal | undefined): AbortSignal {
    return anySignal(this.#life.signal, signal);
  }
}

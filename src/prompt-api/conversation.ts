import { VlmError } from "../shared/errors";
import { Mutex } from "../shared/mutex";
import { maxAnswerTokens, pickOptions, promptRules } from "../shared/options";
import type { Session } from "../session/session";
import {
  tokensOf,
  type ContextEntry,
  type ContextWindow,
} from "./context-window";
import { imageSettings, type ResolvedCreateOptions } from "./create-options";
import { answerTruncated, quotaExceeded, untilAborted } from "./errors";
import { releaseImages } from "./held-images";
import { copyImages } from "./images";
import {
  parsePrompt,
  readConstraint,
  withConstraintText,
  type PromptMessages,
  type PromptTurn,
} from "./messages";
import type {
  LanguageModelPromptOptions,
  LanguageModelSettings,
} from "./types";

/** A session, and the options of its answers. */
export interface ConversationOptions {
  readonly session: Session;
  readonly settings: LanguageModelSettings;
  readonly core: ResolvedCreateOptions;
}

/** A conversation: prompts run one after another and share a context window. */
export class PromptConversation {
  readonly options: ConversationOptions;
  readonly context: ContextWindow;
  readonly #onOverflow: () => void;
  readonly #mutex = new Mutex();
  #pending = 0;

  constructor(
    options: ConversationOptions,
    context: ContextWindow,
    onOverflow: () => void,
  ) {
    this.options = options;
    this.context = context;
    this.#onOverflow = onOverflow;
  }

  /** Resolves with the answer; `onText` receives its parts as they come. */
  async prompt(
    input: unknown,
    promptOptions: LanguageModelPromptOptions,
    signal: AbortSignal,
    onText: (text: string) => void,
  ): Promise<string> {
    signal.throwIfAborted();
    const constraint = readConstraint(promptOptions);
    const omit = promptOptions.omitResponseConstraintInput ?? false;
    const parsed = this.#parse(input);
    const { turns, prefix } =
      constraint && !omit ? withConstraintText(parsed, constraint) : parsed;
    return this.#enqueue(endWithUser(turns), signal, async (entries) => {
      const { session, settings, core } = this.options;
      const available = this.context.left - tokensOf(entries);
      const stream = session.converse([...this.context.entries, ...entries], {
        ...pickOptions(settings, imageSettings),
        signal,
        sampling: { ...core.sampling, seed: randomSeed() },
        maxTokens: Math.min(maxAnswerTokens, Math.max(1, available)),
        prefix,
        responseConstraint: constraint,
      });
      let streamed = 0;
      for await (const event of stream) {
        if (event.type !== "token") continue;
        streamed += event.text.length;
        onText(event.text);
      }
      const { text, finish, tokenIds } = await stream.done();
      onText(text.slice(streamed));
      if (finish !== "stop") throw answerTruncated(tokenIds.length);
      const answer = {
        role: "assistant" as const,
        text: prefix === undefined ? text : prefix + text,
        images: [],
      };
      const added = await measureTurns(this.options, [answer], [], signal);
      this.context.add([...entries, ...added]);
      return text;
    });
  }

  /** Adds messages without answering. */
  async append(input: unknown, signal: AbortSignal): Promise<undefined> {
    signal.throwIfAborted();
    const turns = withPrefix(this.#parse(input));
    await this.#enqueue(turns, signal, (entries) => {
      this.context.add(entries);
      return Promise.resolve();
    });
  }

  /** Tokens that a prompt would add; images are counted without decoding. */
  async measure(
    input: unknown,
    promptOptions: LanguageModelPromptOptions,
    signal: AbortSignal,
  ): Promise<number> {
    const { responseConstraint, omitResponseConstraintInput: omit } =
      promptOptions;
    if (omit && responseConstraint === undefined) {
      throw new TypeError(
        "omitResponseConstraintInput requires a responseConstraint.",
      );
    }
    signal.throwIfAborted();
    const constraint = readConstraint(promptOptions);
    const { images } = this.options.core;
    const parsed = parsePrompt(input, { images, later: false });
    const turns = withPrefix(
      constraint && !omit ? withConstraintText(parsed, constraint) : parsed,
    );
    const counts = turns.map((turn) => countTokens(this.options, turn, signal));
    const tokens = await untilAborted(Promise.all(counts), signal);
    return tokens.reduce((sum, count) => sum + count, 0);
  }

  #parse(input: unknown): PromptMessages {
    const { images } = this.options.core;
    const later = this.#pending > 0 || this.context.entries.length > 0;
    return parsePrompt(input, { images, later });
  }

  /** Runs `task` after the earlier prompts, with space for these turns. */
  #enqueue<T>(
    turns: readonly PromptTurn[],
    signal: AbortSignal,
    task: (entries: readonly ContextEntry[]) => Promise<T>,
  ): Promise<T> {
    // Images are copied as they are when the prompt is given.
    const copying = copyImages(
      turns.flatMap(({ images }) => images),
      this.options.session.sideFor(this.options.settings),
      signal,
    );
    copying.catch(() => undefined);
    const run = async (): Promise<T> => {
      let images: readonly ImageBitmap[] = [];
      try {
        images = await copying;
        signal.throwIfAborted();
        const entries = await measureTurns(this.options, turns, images, signal);
        signal.throwIfAborted();
        const tokens = tokensOf(entries);
        if (this.context.makeRoom(tokens)) this.#onOverflow();
        return await task(entries).catch((error: unknown) => {
          throw this.#asQuotaError(error, tokens);
        });
      } finally {
        // The context holds those that it keeps.
        releaseImages(images);
        this.#pending -= 1;
      }
    };
    this.#pending += 1;
    return untilAborted(this.#mutex.run(run), signal);
  }

  #asQuotaError(error: unknown, tokens: number): unknown {
    const isTooLong =
      error instanceof VlmError && error.code === "prompt-too-long";
    if (!isTooLong) return error;
    const { usage, size } = this.context;
    return quotaExceeded(usage + tokens, size);
  }
}

type CountOptions = Pick<ConversationOptions, "session" | "settings">;

/** Context entries of the turns. `images`: those of all turns, in order. */
export function measureTurns(
  options: CountOptions,
  turns: readonly PromptTurn[],
  images: readonly ImageBitmap[],
  signal: AbortSignal,
): Promise<ContextEntry[]> {
  let from = 0;
  return Promise.all(
    turns.map(async (turn) => {
      const own = images.slice(from, from + turn.images.length);
      from += turn.images.length;
      const tokens = await countTokens(options, turn, signal);
      return { ...turn, images: own, tokens };
    }),
  );
}

async function countTokens(
  { session, settings }: CountOptions,
  { role, text, images }: PromptTurn,
  signal: AbortSignal,
): Promise<number> {
  // Session.count uses only the number of images.
  const turn = { role, text, images: images as never[] };
  const options = { ...pickOptions(settings, promptRules), signal };
  return (await session.count([turn], options)).tokens;
}

function randomSeed(): number {
  return (Math.random() * 2 ** 32) | 0;
}

/** The model answers only a user message. */
function endWithUser(turns: readonly PromptTurn[]): readonly PromptTurn[] {
  if (turns.at(-1)?.role === "user") return turns;
  return [...turns, { role: "user", text: "", images: [] }];
}

function withPrefix({ turns, prefix }: PromptMessages): readonly PromptTurn[] {
  if (prefix === undefined) return turns;
  return [...turns, { role: "assistant", text: prefix, images: [] }];
}

import { VlmError } from "../shared/errors";
import type { Session } from "../session/session";
import type { ContextWindow, ContextEntry } from "./context-window";
import type { ResolvedCreateOptions } from "./create-options";
import { quotaExceeded, untilAborted } from "./errors";
import { readInput, type PromptMessages, type PromptTurn } from "./messages";
import { copyImages } from "./images";
import { explained, readConstraint } from "./response";
import type {
  LanguageModelPromptOptions,
  LanguageModelSettings,
} from "./types";

/** The worker answers in no more. */
const MOST_TOKENS = 4096;

/** How a session looks and answers. */
export interface ConversationOptions {
  readonly session: Session;
  readonly settings: LanguageModelSettings;
  readonly core: ResolvedCreateOptions;
}

/** One conversation, turn after turn. */
export class PromptConversation {
  readonly manner: ConversationOptions;
  readonly context: ContextWindow;
  readonly #onOverflow: () => void;
  #tail: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(
    manner: ConversationOptions,
    context: ContextWindow,
    onOverflow: () => void,
  ) {
    this.manner = manner;
    this.context = context;
    this.#onOverflow = onOverflow;
  }

  /** The answer, told piece by piece too. */
  async prompt(
    input: unknown,
    options: LanguageModelPromptOptions,
    until: AbortSignal,
    tell: (text: string) => void,
  ): Promise<string> {
    until.throwIfAborted();
    const constraint = readConstraint(options);
    const omit = options.omitResponseConstraintInput ?? false;
    const read = this.#read(input);
    const { turns, prefix } =
      constraint && !omit ? explained(read, constraint) : read;
    const asked = endsAsked(turns);
    return this.#inTurn(asked, until, async (entries) => {
      const all = [...this.context.entries, ...entries];
      const { session, settings, core } = this.manner;
      const seed = crypto.getRandomValues(new Int32Array(1))[0] ?? 0;
      const steps = session.converse(all, {
        ...lookOf(settings),
        signal: until,
        sampling: { ...core.sampling, seed },
        maxTokens: Math.min(
          MOST_TOKENS,
          Math.max(1, this.context.left - tokensOf(entries)),
        ),
        prefix,
        responseConstraint: constraint,
      });
      let told = 0;
      for await (const step of steps) {
        if (step.type !== "token") continue;
        told += step.text.length;
        tell(step.text);
      }
      const { text } = await steps.done();
      tell(text.slice(told));
      const said = { role: "assistant", images: [] } as const;
      const whole = { ...said, text: (prefix ?? "") + text };
      const [answer] = await measureContext(this.manner, [whole], [], until);
      this.context.add(answer ? [...entries, answer] : entries);
      return text;
    });
  }

  async append(input: unknown, until: AbortSignal): Promise<undefined> {
    until.throwIfAborted();
    const turns = withPrefix(this.#read(input));
    await this.#inTurn(turns, until, (entries) => {
      this.context.add(entries);
      return Promise.resolve();
    });
  }

  /** Tokens that a prompt would add; its pictures are not looked at. */
  async measure(
    input: unknown,
    options: LanguageModelPromptOptions,
    until: AbortSignal,
  ): Promise<number> {
    const { responseConstraint, omitResponseConstraintInput: omit } = options;
    if (omit && responseConstraint === undefined) {
      throw new TypeError("There is no responseConstraint to omit.");
    }
    until.throwIfAborted();
    const constraint = readConstraint(options);
    const { images } = this.manner.core;
    const read = readInput(input, { images, later: false });
    const turns = withPrefix(
      constraint && !omit ? explained(read, constraint) : read,
    );
    const counted = turns.map((turn) => count(this.manner, turn, until));
    const tokens = await untilAborted(Promise.all(counted), until);
    return tokens.reduce((sum, each) => sum + each, 0);
  }

  #read(input: unknown): PromptMessages {
    const { images } = this.manner.core;
    const later = this.#waiting > 0 || this.context.entries.length > 0;
    return readInput(input, { images, later });
  }

  /** `job`, when what came before is done, with room for these turns. */
  #inTurn<T>(
    turns: readonly PromptTurn[],
    until: AbortSignal,
    job: (entries: readonly ContextEntry[]) => Promise<T>,
  ): Promise<T> {
    // As they are now.
    const taking = copyImages(
      turns.flatMap(({ images }) => images),
      until,
    );
    taking.catch(() => undefined);
    const run = async (): Promise<T> => {
      try {
        until.throwIfAborted();
        const entries = await measureContext(
          this.manner,
          turns,
          await taking,
          until,
        );
        const tokens = tokensOf(entries);
        if (this.context.makeRoom(tokens)) this.#onOverflow();
        return await job(entries).catch((error: unknown) => {
          throw this.#tooLong(error, tokens);
        });
      } finally {
        this.#waiting -= 1;
      }
    };
    this.#waiting += 1;
    const turn = this.#tail.then(run);
    this.#tail = turn.catch(() => undefined);
    return untilAborted(turn, until);
  }

  #tooLong(error: unknown, tokens: number): unknown {
    const long = error instanceof VlmError && error.code === "prompt-too-long";
    if (!long) return error;
    const { usage, window } = this.context;
    return quotaExceeded(usage + tokens, window);
  }
}

/** What each turn takes of the room. `pictures`: theirs, in their order. */
export function measureContext(
  manner: Pick<ConversationOptions, "session" | "settings">,
  turns: readonly PromptTurn[],
  pictures: readonly ImageBitmap[],
  signal: AbortSignal,
): Promise<ContextEntry[]> {
  let from = 0;
  return Promise.all(
    turns.map(async (turn) => {
      const to = from + turn.images.length;
      const images = pictures.slice(from, to);
      from = to;
      return { ...turn, images, tokens: await count(manner, turn, signal) };
    }),
  );
}

async function count(
  { session, settings }: Pick<ConversationOptions, "session" | "settings">,
  { role, text, images }: PromptTurn,
  signal: AbortSignal,
): Promise<number> {
  // How many there are is all that counts of them.
  const counted = [{ role, text, images: images as never[] }];
  const { tokens } = await session.count(counted, {
    ...lookOf(settings),
    signal,
  });
  return tokens;
}

function lookOf({ fit, anyres, style, size }: LanguageModelSettings) {
  return { fit, anyres, style, size };
}

/** Only a question is answered. */
function endsAsked(turns: readonly PromptTurn[]): readonly PromptTurn[] {
  if (turns.at(-1)?.role === "user") return turns;
  return [...turns, { role: "user", text: "", images: [] }];
}

function withPrefix({ turns, prefix }: PromptMessages): readonly PromptTurn[] {
  if (prefix === undefined) return turns;
  return [...turns, { role: "assistant", text: prefix, images: [] }];
}

function tokensOf(entries: readonly ContextEntry[]): number {
  return entries.reduce((sum, { tokens }) => sum + tokens, 0);
}

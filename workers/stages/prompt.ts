import { badOption, VlmError } from "../../src/shared/errors";
import type {
  PromptInput,
  GenerateOptions,
  Message,
  TokenCount,
} from "../../src/shared/protocol";
import type { Prompt } from "../backends/backend";
import type { ChatTurn } from "../model-files/chat-template";
import type { Tokenizer } from "../model-files/tokenizer";

interface Style {
  readonly system: string;
  /** What follows a picture. */
  readonly separator: string;
}

const STYLES: Readonly<Record<GenerateOptions["promptStyle"], Style>> = {
  reference: { system: "You are a helpful assistant.", separator: "\n" },
  demo: {
    system:
      "You are a helpful visual AI assistant. Respond concisely and accurately to the user's query in one sentence.",
    separator: "",
  },
};

type Turns = Pick<PromptInput, "messages" | "promptStyle">;

/** Pictures come first in their turn, as in training. */
export function makePrompt(
  tokenizer: Pick<Tokenizer, "imageToken" | "encodeChat" | "encode">,
  {
    messages,
    promptStyle,
    prefix = "",
  }: Turns & Pick<GenerateOptions, "prefix">,
  tokensPerImage: number,
  contextLength: number,
): Prompt {
  const chat = tokenizer.encodeChat(turnsOf(messages, promptStyle));
  const ids = [...chat, ...tokenizer.encode(prefix)];
  const texts = splitAt(ids, tokenizer.imageToken);
  const images = texts.length - 1;
  const length = ids.length + images * (tokensPerImage - 1);
  if (length >= contextLength) {
    throw tooLong(ids.length - images, images, tokensPerImage, contextLength);
  }
  const image = Array<number>(tokensPerImage).fill(tokenizer.imageToken);
  return {
    texts,
    ids: texts.flatMap((text, i) => (i === 0 ? text : [...image, ...text])),
  };
}

/**
 * Every message counts as one of the user would, so that what is counted apart
 * adds up. A template may hold an empty conversation for none: what begins and
 * ends a turn is told by two conversations instead.
 */
export function countTokens(
  tokenizer: Pick<Tokenizer, "encodeChat">,
  { messages, promptStyle }: Turns,
  tokensPerImage: number,
  contextLength: number,
): TokenCount {
  const lengthOf = (...turns: Message[]): number =>
    tokenizer.encodeChat(turnsOf(turns, promptStyle)).length;
  const said = { role: "user", text: "", imageCount: 0 } as const;
  const one = lengthOf(said);
  const three = lengthOf(said, { ...said, role: "assistant" }, said);
  const bare = Math.ceil((three - one) / 2);
  const tokens = messages.reduce(
    (sum, { text, imageCount }) =>
      sum +
      (lengthOf({ role: "user", text, imageCount }) - one) +
      bare +
      imageCount * (tokensPerImage - 1),
    0,
  );
  return { tokens, room: contextLength - (one - bare) };
}

function turnsOf(
  messages: readonly Message[],
  style: PromptInput["promptStyle"],
): ChatTurn[] {
  const { system, separator } = STYLES[style];
  const turns = messages.map((message) => ({ ...message, separator }));
  if (turns[0]?.role === "system") return turns;
  return [{ role: "system", imageCount: 0, separator, text: system }, ...turns];
}

function splitAt(ids: readonly number[], image: number): number[][] {
  const texts: number[][] = [[]];
  for (const id of ids) {
    if (id === image) texts.push([]);
    else texts.at(-1)?.push(id);
  }
  return texts;
}

function tooLong(
  text: number,
  images: number,
  tokensPerImage: number,
  contextLength: number,
): VlmError {
  const pictures =
    images === 1
      ? `a picture of ${tokensPerImage} tokens`
      : `${images} pictures of ${tokensPerImage} tokens each`;
  return new VlmError(
    "prompt-too-long",
    `${text} tokens of text and ${pictures} do not fit: the model reads ${contextLength} tokens, its answer included.`,
    "Shorten the conversation, show fewer pictures, or choose a smaller picture size.",
  );
}

/** Throws `bad-option` if these cannot be a conversation about `frames`. */
export function checkConversation(
  frames: readonly unknown[],
  conversation: Turns,
): void {
  checkMessages(conversation);
  const { messages } = conversation;
  if (messages.at(-1)?.role !== "user") {
    throw badOption("The last message must be the user's.");
  }
  const system = messages.findLastIndex(({ role }) => role === "system");
  if (system > 0) {
    throw badOption("Only the first message can be the system's.");
  }
  const shown = messages.reduce((sum, { imageCount }) => sum + imageCount, 0);
  if (shown !== frames.length) {
    throw badOption(
      `Pictures in the messages: ${shown}; handed over: ${frames.length}.`,
    );
  }
}

/** Throws `bad-option` if one of the messages, or their style, cannot be. */
export function checkMessages({ messages, promptStyle }: Turns): void {
  if (!Object.hasOwn(STYLES, promptStyle)) {
    throw badOption(`promptStyle must be ${Object.keys(STYLES).join(" or ")}.`);
  }
  for (const { role, imageCount } of messages) {
    if (role !== "system" && role !== "user" && role !== "assistant") {
      throw badOption(
        "The role of a message must be system, user or assistant.",
      );
    }
    if (!Number.isInteger(imageCount) || imageCount < 0) {
      throw badOption("Every message must say how many pictures it has.");
    }
    if (role !== "user" && imageCount > 0) {
      throw badOption("Only messages of the user have pictures.");
    }
  }
}

import { VlmError } from "../src/shared/errors";
import type { DescribeOptions, Message } from "../src/shared/protocol";
import { badOption } from "./sampling";
import type { ChatTurn } from "./weights/chat-template";
import type { Tokenizer } from "./weights/tokenizer";

/** A conversation as ids, with room for its pictures. */
export interface Prompt {
  /** The text around the pictures: one part more than there are pictures. */
  readonly texts: readonly (readonly number[])[];
  /** Everything, the image token standing once for each image position. */
  readonly ids: readonly number[];
}

interface Style {
  readonly system: string;
  /** What follows a picture. */
  readonly separator: string;
}

const STYLES: Readonly<Record<DescribeOptions["style"], Style>> = {
  reference: { system: "You are a helpful assistant.", separator: "\n" },
  demo: {
    system:
      "You are a helpful visual AI assistant. Respond concisely and accurately to the user's query in one sentence.",
    separator: "",
  },
};

/** Pictures come first in their turn, as in training. */
export function makePrompt(
  tokenizer: Pick<Tokenizer, "imageToken" | "encodeChat">,
  { messages, style }: Pick<DescribeOptions, "messages" | "style">,
  tokensPerImage: number,
  contextLength: number,
): Prompt {
  const ids = tokenizer.encodeChat(turnsOf(messages, style));
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

function turnsOf(
  messages: readonly Message[],
  style: DescribeOptions["style"],
): ChatTurn[] {
  const { system, separator } = STYLES[style];
  return [
    { role: "system", images: 0, separator, text: system },
    ...messages.map((message) => ({ ...message, separator })),
  ];
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
  { messages, style }: Pick<DescribeOptions, "messages" | "style">,
): void {
  if (!Object.hasOwn(STYLES, style)) {
    throw badOption(`style must be ${Object.keys(STYLES).join(" or ")}.`);
  }
  if (messages.at(-1)?.role !== "user") {
    throw badOption("The last message must be the user's.");
  }
  for (const { role, images } of messages) {
    if (role !== "user" && role !== "assistant") {
      throw badOption("The role of a message must be user or assistant.");
    }
    if (!Number.isInteger(images) || images < 0) {
      throw badOption("Every message must say how many pictures it has.");
    }
    if (role === "assistant" && images > 0) {
      throw badOption("Only messages of the user have pictures.");
    }
  }
  const shown = messages.reduce((sum, { images }) => sum + images, 0);
  if (shown !== frames.length) {
    throw badOption(
      `Pictures in the messages: ${shown}; handed over: ${frames.length}.`,
    );
  }
}

import { VlmError } from "../../src/shared/errors";
import type {
  PromptInput,
  GenerateOptions,
  Message,
  TokenCount,
} from "../../src/shared/protocol";
import type { Prompt } from "../backends/backend";
import type { ChatTurn } from "../model-files/chat-template";
import type { Tokenizer } from "../model-files/tokenizer";

interface Preset {
  readonly system: string;
  /** The text after an image. */
  readonly separator: string;
}

const PRESETS: Readonly<Record<GenerateOptions["promptStyle"], Preset>> = {
  reference: { system: "You are a helpful assistant.", separator: "\n" },
  demo: {
    system:
      "You are a helpful visual AI assistant. Respond concisely and accurately to the user's query in one sentence.",
    separator: "",
  },
};

type Conversation = Pick<PromptInput, "messages" | "promptStyle">;

/**
 * Renders and tokenizes a conversation with the model's chat template. The images
 * of a message come before its text, as in training.
 *
 * Throws `prompt-too-long` if the context has no room for one token of an answer.
 */
export function makePrompt(
  tokenizer: Pick<Tokenizer, "imageToken" | "encodeChat" | "encode">,
  {
    messages,
    promptStyle,
    prefix = "",
  }: Conversation & Pick<GenerateOptions, "prefix">,
  tokensPerImage: number,
  contextLength: number,
): Prompt {
  const texts = [...messages.map(({ text }) => text), prefix];
  if (leastTokens(tokenizer, texts, contextLength) > contextLength) {
    const images = messages.reduce((sum, each) => sum + each.imageCount, 0);
    const text = `More than ${contextLength}`;
    throw tooLong(text, images, tokensPerImage, contextLength);
  }
  const chat = tokenizer.encodeChat(turnsOf(messages, promptStyle));
  const ids = [...chat, ...tokenizer.encode(prefix)];
  const pieces = splitAt(ids, tokenizer.imageToken);
  const images = pieces.length - 1;
  const length = ids.length + images * (tokensPerImage - 1);
  if (length >= contextLength) {
    const text = String(ids.length - images);
    throw tooLong(text, images, tokensPerImage, contextLength);
  }
  const image = Array<number>(tokensPerImage).fill(tokenizer.imageToken);
  return {
    texts: pieces,
    ids: pieces.flatMap((text, i) => (i === 0 ? text : [...image, ...text])),
  };
}

/**
 * Counts the tokens of messages. Each counts as a user message would, so that
 * separate counts add up. Some templates reject an empty conversation, so the
 * tokens around a message are the difference of two longer ones. Counting stops
 * above the limit if the messages cannot fit.
 */
export function countTokens(
  tokenizer: Pick<Tokenizer, "encodeChat" | "encode">,
  { messages, promptStyle }: Conversation,
  tokensPerImage: number,
  contextLength: number,
): TokenCount {
  const lengthOf = (...turns: Message[]): number =>
    tokenizer.encodeChat(turnsOf(turns, promptStyle)).length;
  const empty = { role: "user", text: "", imageCount: 0 } as const;
  const one = lengthOf(empty);
  const three = lengthOf(empty, { ...empty, role: "assistant" }, empty);
  const perMessage = Math.ceil((three - one) / 2);
  const limit = contextLength - (one - perMessage);
  const texts = messages.map(({ text }) => text);
  const least = leastTokens(tokenizer, texts, limit);
  if (least > limit) return { tokens: least, limit };
  const tokens = messages.reduce(
    (sum, { text, imageCount }) =>
      sum +
      (lengthOf({ role: "user", text, imageCount }) - one) +
      perMessage +
      imageCount * (tokensPerImage - 1),
    0,
  );
  return { tokens, limit };
}

/** UTF-16 units of a long text that are tokenized at once. */
const PIECE = 4096;

/**
 * A lower bound of the tokens of `texts`, 0 unless they are long. Ends as soon as
 * they certainly exceed `limit`: a long text is tokenized in pieces, which splits
 * some tokens, but not a third of them.
 */
function leastTokens(
  tokenizer: Pick<Tokenizer, "encode">,
  texts: readonly string[],
  limit: number,
): number {
  let tokens = 0;
  for (const text of texts) {
    if (text.length <= PIECE) continue;
    for (let at = 0; at < text.length; at += PIECE) {
      tokens += tokenizer.encode(text.slice(at, at + PIECE)).length;
      const least = Math.floor(tokens / 1.5);
      if (least > limit) return least;
    }
  }
  return 0;
}

function turnsOf(
  messages: readonly Message[],
  style: PromptInput["promptStyle"],
): ChatTurn[] {
  const { system, separator } = PRESETS[style];
  const turns = messages.map((message) => ({ ...message, separator }));
  if (turns[0]?.role === "system") return turns;
  return [{ role: "system", imageCount: 0, separator, text: system }, ...turns];
}

function splitAt(ids: readonly number[], image: number): number[][] {
  let text: number[] = [];
  const texts = [text];
  for (const id of ids) {
    if (id === image) texts.push((text = []));
    else text.push(id);
  }
  return texts;
}

function tooLong(
  text: string,
  images: number,
  tokensPerImage: number,
  contextLength: number,
): VlmError {
  const each = `of ${tokensPerImage} tokens`;
  const imageText =
    images === 1
      ? ` and an image ${each}`
      : ` and ${images} images ${each} each`;
  return new VlmError(
    "prompt-too-long",
    `${text} tokens of text${images === 0 ? "" : imageText} do not fit: the model's context window is ${contextLength} tokens, including the answer.`,
    "Shorten the conversation, use fewer images, or choose a smaller size.",
  );
}

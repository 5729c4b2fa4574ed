import { parseConstraint } from "../shared/constraint";
import { isIterable } from "../shared/options";
import { asDomException, notSupported } from "./errors";
import type {
  LanguageModelContent,
  LanguageModelMessage,
  LanguageModelPromptOptions,
  LanguageModelRole,
} from "./types";

/** A message in the model's form: images first, then one text. */
export interface PromptTurn {
  readonly role: LanguageModelRole;
  readonly text: string;
  /** Not decoded yet. */
  readonly images: readonly unknown[];
}

export interface PromptMessages {
  readonly turns: readonly PromptTurn[];
  /** The beginning of the answer. */
  readonly prefix?: string;
}

interface Rules {
  /** Whether expectedInputs include images. */
  readonly images: boolean;
  /** Whether messages precede the input. */
  readonly later: boolean;
}

const roles = ["system", "user", "assistant"];
const types = ["text", "image", "audio", "tool-call", "tool-response"];

/**
 * Validates and canonicalizes a prompt, as the Prompt API specifies.
 * @throws TypeError, or a DOMException SyntaxError or NotSupportedError
 */
export function parsePrompt(input: unknown, rules: Rules): PromptMessages {
  if (!isIterable(input)) return { turns: [userTurn(String(input))] };
  const messages = [...input].map(asMessage);
  if (messages.length === 0) return { turns: [userTurn("")] };
  const turns = messages.map(({ role, content, prefix }, i): PromptTurn => {
    if (prefix && (role !== "assistant" || i < messages.length - 1)) {
      throw new DOMException(
        "Only the last message can be a prefix, and its role must be assistant.",
        "SyntaxError",
      );
    }
    if (role === "system" && (rules.later || i > 0)) {
      throw new TypeError("Only the first message can have the role system.");
    }
    return { role, ...partsOf(role, content, rules) };
  });
  const last = turns.at(-1);
  if (last === undefined || !messages.at(-1)?.prefix) return { turns };
  return { turns: turns.slice(0, -1), prefix: last.text };
}

function userTurn(text: string): PromptTurn {
  return { role: "user", text, images: [] };
}

function partsOf(
  role: LanguageModelRole,
  content: LanguageModelMessage["content"],
  { images: expected }: Rules,
): Omit<PromptTurn, "role"> {
  if (typeof content === "string") return { text: content, images: [] };
  let text = "";
  const images: unknown[] = [];
  for (const { type, value } of content) {
    if (type !== "text" && role !== "user") {
      throw notSupported(
        `A message with the role ${role} can only contain text.`,
      );
    }
    if (type === "text") {
      if (typeof value !== "string") {
        throw new TypeError("The value of text content must be a string.");
      }
      text += value;
    } else if (type === "image" && expected) {
      if (!isImage(value))
        throw new TypeError(
          "The value of image content must be an image source or a buffer.",
        );
      images.push(value);
    } else {
      throw notSupported(
        type === "image"
          ? "The session was created without images in expectedInputs."
          : `Content of type ${type} is not supported.`,
      );
    }
  }
  return { text, images };
}

function asMessage(value: unknown): Required<LanguageModelMessage> {
  const { role, content, prefix } = asObject(value, "A message");
  if (typeof role !== "string" || !roles.includes(role)) {
    throw new TypeError(
      `The role of a message must be one of ${roles.join(", ")}.`,
    );
  }
  if (content === undefined)
    throw new TypeError("A message must have content.");
  return {
    role: role as LanguageModelRole,
    content: isIterable(content)
      ? [...content].map(asContent)
      : `${content as string}`,
    prefix: Boolean(prefix),
  };
}

function asContent(part: unknown): LanguageModelContent {
  const { type, value } = asObject(part, "Content");
  if (typeof type !== "string" || !types.includes(type)) {
    throw new TypeError(
      `The type of content must be one of ${types.join(", ")}.`,
    );
  }
  if (value === undefined) throw new TypeError("Content must have a value.");
  return { type: type as LanguageModelContent["type"], value };
}

function asObject(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === "object" && value !== null) {
    return value as Record<string, unknown>;
  }
  throw new TypeError(`${what} must be an object.`);
}

/** ImageBitmapSource or BufferSource, where the platform has them. */
function isImage(value: unknown): boolean {
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) return true;
  return [
    "Blob",
    "ImageData",
    "ImageBitmap",
    "VideoFrame",
    "HTMLImageElement",
    "SVGImageElement",
    "HTMLVideoElement",
    "HTMLCanvasElement",
    "OffscreenCanvas",
  ].some((name) => {
    const type = (globalThis as Record<string, unknown>)[name];
    return typeof type === "function" && value instanceof type;
  });
}

/**
 * The response constraint, if there is one.
 * @throws TypeError unless it is an object, or a DOMException NotSupportedError
 */
export function readConstraint({
  responseConstraint: constraint,
}: LanguageModelPromptOptions): object | undefined {
  if (constraint === undefined) return undefined;
  if (typeof constraint !== "object" || (constraint as unknown) === null) {
    throw new TypeError("responseConstraint must be an object.");
  }
  try {
    parseConstraint(constraint);
  } catch (error) {
    throw asDomException(error);
  }
  return constraint;
}

/** Appends a description of the constraint to the last user message. */
export function withConstraintText(
  input: PromptMessages,
  constraint: object,
): PromptMessages {
  const words =
    constraint instanceof RegExp
      ? `Answer only with a text that matches ${String(constraint)}.`
      : `Answer only with JSON of this schema: ${JSON.stringify(constraint)}`;
  const at = input.turns.findLastIndex(({ role }) => role === "user");
  const user = input.turns[at];
  if (user === undefined) {
    const added = { role: "user", text: words, images: [] } as const;
    return { ...input, turns: [...input.turns, added] };
  }
  const text = user.text === "" ? words : `${user.text}\n${words}`;
  return { ...input, turns: input.turns.with(at, { ...user, text }) };
}

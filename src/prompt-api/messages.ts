import { notSupported } from "./errors";
import type {
  LanguageModelContent,
  LanguageModelMessage,
  LanguageModelRole,
} from "./types";

/** A message as the model is given it: pictures first, then one text. */
export interface PromptTurn {
  readonly role: LanguageModelRole;
  readonly text: string;
  /** Not yet looked at. */
  readonly images: readonly unknown[];
}

export interface PromptMessages {
  readonly turns: readonly PromptTurn[];
  /** What the answer begins with. */
  readonly prefix?: string;
}

interface Rules {
  /** Whether pictures were announced. */
  readonly images: boolean;
  /** Whether something stands before it. */
  readonly later: boolean;
}

const roles = ["system", "user", "assistant"];
const types = ["text", "image", "audio", "tool-call", "tool-response"];

/** Validates and canonicalizes a prompt as the Prompt API wants it: throws
 * TypeError, or a DOMException SyntaxError or NotSupportedError. */
export function readInput(input: unknown, rules: Rules): PromptMessages {
  if (!isIterable(input)) return { turns: [said(asString(input))] };
  const messages = [...input].map(asMessage);
  if (messages.length === 0) return { turns: [said("")] };
  const turns = messages.map(({ role, content, prefix }, i): PromptTurn => {
    if (prefix && (role !== "assistant" || i < messages.length - 1)) {
      throw new DOMException(
        "Only the last message, of the assistant, can be a prefix.",
        "SyntaxError",
      );
    }
    if (role === "system" && (rules.later || i > 0)) {
      throw new TypeError("Only the first message can be the system's.");
    }
    return { role, ...partsOf(role, content, rules) };
  });
  const last = messages.at(-1);
  if (!last?.prefix) return { turns };
  return { turns: turns.slice(0, -1), prefix: turns.at(-1)?.text ?? "" };
}

function said(text: string): PromptTurn {
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
      throw notSupported(`A message of the ${role} can only be text.`);
    }
    if (type === "text") {
      if (typeof value !== "string") {
        throw new TypeError("The value of a text must be a string.");
      }
      text += value;
    } else if (type === "image" && expected) {
      if (!isImage(value)) throw new TypeError("That is no picture.");
      images.push(value);
    } else {
      throw notSupported(
        type === "image"
          ? "Pictures are not among the expectedInputs of this session."
          : `Content of type ${type} is not supported.`,
      );
    }
  }
  return { text, images };
}

function asMessage(value: unknown): Required<LanguageModelMessage> {
  const { role, content, prefix } = asObject(value, "A message");
  if (typeof role !== "string" || !roles.includes(role)) {
    throw new TypeError(`A message must have a role: ${roles.join(", ")}.`);
  }
  if (content === undefined)
    throw new TypeError("A message must have content.");
  return {
    role: role as LanguageModelRole,
    content: isIterable(content)
      ? [...content].map(asContent)
      : asString(content),
    prefix: Boolean(prefix),
  };
}

function asContent(part: unknown): LanguageModelContent {
  const { type, value } = asObject(part, "A part of a message");
  if (typeof type !== "string" || !types.includes(type)) {
    throw new TypeError(`A part must have a type: ${types.join(", ")}.`);
  }
  if (value === undefined) throw new TypeError("A part must have a value.");
  return { type: type as LanguageModelContent["type"], value };
}

function asObject(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === "object" && value !== null) {
    return value as Record<string, unknown>;
  }
  throw new TypeError(`${what} must be an object.`);
}

function asString(value: unknown): string {
  return String(value);
}

function isIterable(value: unknown): value is Iterable<unknown> {
  return (
    typeof value === "object" && value !== null && Symbol.iterator in value
  );
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

import { Template } from "@huggingface/jinja";
import { VlmError } from "../../src/shared/errors";
import { corrupt } from "../util/file-errors";
import { mismatch, type Json } from "./config";

/** A turn of a conversation, pictures before words. */
export interface ChatTurn {
  readonly role: "system" | "user" | "assistant";
  readonly imageCount: number;
  /** What follows each picture. */
  readonly separator: string;
  readonly text: string;
}

/** Stand for the words of each turn while the template is rendered: private
 * code points, of which templates contain none. */
const FIRST_PLACEHOLDER = 0xf0000;
const PLACEHOLDER = /([\u{F0000}-\u{FFFFD}])/u;

function placeholder(turn: number): string {
  return String.fromCodePoint(FIRST_PLACEHOLDER + turn);
}

/** The words of `turns` in their places in a piece of a rendered template. */
export function fillIn(piece: string, turns: readonly ChatTurn[]): string {
  const parts = piece.split(PLACEHOLDER).map((part) => {
    const turn = (part.codePointAt(0) ?? 0) - FIRST_PLACEHOLDER;
    return turns[turn]?.text ?? part;
  });
  return parts.join("");
}

/** The model's own chat template, of which the words are not yet part. */
export class ChatTemplate {
  readonly #template: Template;
  readonly #variables: Json;
  readonly #image: string;

  /** `image` is the text of the image token. */
  constructor(config: Json, image: string) {
    this.#image = image;
    this.#variables = Object.fromEntries(
      ["bos_token", "eos_token", "pad_token", "unk_token"].map((name) => {
        return [name, contentOf(config[name])];
      }),
    );
    const source = sourceOf(config);
    try {
      this.#template = new Template(source);
      // One that cannot be used is found now, not with the first prompt.
      this.#checked([
        { role: "system", imageCount: 0, separator: "", text: "" },
        { role: "user", imageCount: 1, separator: "\n", text: "" },
      ]);
    } catch (error) {
      if (error instanceof VlmError) throw error;
      const why = `the chat_template: ${String(error)}`;
      throw corrupt("tokenizer_config.json", why, error);
    }
  }

  /** The conversation, a placeholder for the words of each turn. */
  render(turns: readonly ChatTurn[]): string {
    try {
      return this.#checked(turns);
    } catch (error) {
      if (error instanceof VlmError) throw error;
      throw new VlmError(
        "bad-option",
        `The model's chat template refuses this conversation: ${String(error)}.`,
        "Let user and assistant take turns, the user first.",
        { cause: error },
      );
    }
  }

  /** A model may know no system text; every other turn has to be there. */
  #checked(turns: readonly ChatTurn[]): string {
    const rendered = this.#template.render({
      ...this.#variables,
      messages: turns.map(({ role, imageCount, separator }, i) => ({
        role,
        content: (this.#image + separator).repeat(imageCount) + placeholder(i),
      })),
      add_generation_prompt: true,
    });
    const found = rendered.split(PLACEHOLDER).filter((_, i) => i % 2 === 1);
    const kept = turns.flatMap(({ role }, i) => {
      const system = role === "system" && !found.includes(placeholder(i));
      return system ? [] : [placeholder(i)];
    });
    const images = turns.reduce((sum, turn) => sum + turn.imageCount, 0);
    const shown = rendered.split(this.#image).length - 1;
    if (found.join("") === kept.join("") && shown === images) return rendered;
    throw mismatch(
      "tokenizer_config.json: the chat_template does not keep each message.",
    );
  }
}

/** The one template, or of several the one for conversations. */
function sourceOf(config: Json): string {
  const found = config["chat_template"];
  const named: unknown = Array.isArray(found)
    ? (found as Json[]).find(({ name }) => name === "default")?.["template"]
    : found;
  if (typeof named === "string") return named;
  throw mismatch("tokenizer_config.json has no chat_template.");
}

/** A special token is written as text, or as an object with its content. */
function contentOf(token: unknown): string {
  if (typeof token === "object" && token !== null && "content" in token) {
    return String(token.content);
  }
  return typeof token === "string" ? token : "";
}

import { Template } from "@huggingface/jinja";
import { VlmError } from "../../src/shared/errors";
import { corrupt } from "../util/file-errors";
import { mismatch, type Json } from "./config";

/** A message of a conversation. Its images come before its text. */
export interface ChatTurn {
  readonly role: "system" | "user" | "assistant";
  readonly imageCount: number;
  /** The text after each image. */
  readonly separator: string;
  readonly text: string;
}

/** Private-use characters that stand for the text of each turn while the
 * template is rendered, so that the text cannot change the rendering. */
const FIRST_PLACEHOLDER = 0xf0000;
const PLACEHOLDER = /([\u{F0000}-\u{FFFFD}])/gu;

function placeholder(turn: number): string {
  return String.fromCodePoint(FIRST_PLACEHOLDER + turn);
}

/** Replaces the placeholders in a piece of a rendered template by the texts. */
export function fillIn(piece: string, turns: readonly ChatTurn[]): string {
  return piece.replaceAll(PLACEHOLDER, (found) => {
    const turn = Number(found.codePointAt(0)) - FIRST_PLACEHOLDER;
    return turns[turn]?.text ?? found;
  });
}

/** The model's chat template. */
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
      // Finds an unusable template now, not with the first prompt.
      this.#checked([
        { role: "system", imageCount: 0, separator: "", text: "" },
        { role: "user", imageCount: 1, separator: "\n", text: "" },
      ]);
    } catch (error) {
      if (error instanceof VlmError) throw error;
      const why = `its chat_template cannot be used (${String(error)})`;
      throw corrupt("tokenizer_config.json", why, error);
    }
  }

  /** Renders a conversation with a placeholder for the text of each turn. */
  render(turns: readonly ChatTurn[]): string {
    try {
      return this.#checked(turns);
    } catch (error) {
      if (error instanceof VlmError) throw error;
      throw new VlmError(
        "bad-option",
        `The model's chat template rejects this conversation: ${String(error)}.`,
        "Alternate user and assistant messages, starting with the user.",
        { cause: error },
      );
    }
  }

  /** A template may drop the system text; every other turn must be rendered. */
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
      "tokenizer_config.json: the chat_template does not render every message.",
    );
  }
}

/** The template, or the one named `default` of several. */
function sourceOf(config: Json): string {
  const found = config["chat_template"];
  const named: unknown = Array.isArray(found)
    ? (found as Json[]).find(({ name }) => name === "default")?.["template"]
    : found;
  if (typeof named === "string") return named;
  throw mismatch("tokenizer_config.json has no chat_template.");
}

/** A special token is a string, or an object with its content. */
function contentOf(token: unknown): string {
  if (typeof token === "object" && token !== null && "content" in token) {
    return String(token.content);
  }
  return typeof token === "string" ? token : "";
}

import { Template } from "@huggingface/jinja";
import { VlmError } from "../../src/shared/errors";
import { object, type Json } from "./config";
import type { ConfigFile } from "./manifest";

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

/** The image token's name unless a file gives it another one. */
export const IMAGE = "<image>";

/** Where the template of a model is. */
export interface TemplateSource {
  readonly file: ConfigFile;
  readonly source: string;
}

/** The chat template in the first of the files where transformers looks for it. */
export function findChatTemplate(
  files: (file: ConfigFile) => unknown,
): TemplateSource {
  const jinja = files("chat_template.jinja");
  if (typeof jinja === "string") {
    return { file: "chat_template.jinja", source: jinja };
  }
  // Processors of 2024 saved their template as JSON.
  for (const file of ["chat_template.json", "tokenizer_config.json"] as const) {
    const json = files(file);
    const source =
      json === undefined ? undefined : templateIn(object(file, json));
    if (source !== undefined) return { file, source };
  }
  throw unusable(
    "The model has no chat template: there is no chat_template.jinja, and tokenizer_config.json has no chat_template.",
  );
}

/** Throws if the chat template is unusable, as far as that is known without
 * tokenizer.json, which is large. */
export function checkChatTemplate(
  files: (file: ConfigFile) => unknown,
  imageToken: number | undefined,
): void {
  const template = findChatTemplate(files);
  const config = object(
    "tokenizer_config.json",
    files("tokenizer_config.json"),
  );
  const known = addedTokensIn(config)[`${imageToken}`]?.content;
  const { source } = template;
  if (
    known === undefined &&
    source.includes("image") &&
    !source.includes(IMAGE)
  )
    return;
  new ChatTemplate(template, config, known ?? IMAGE);
}

/** The tokens that tokenizer_config.json adds, by their ids. */
export function addedTokensIn(
  config: Json,
): Readonly<Record<string, NamedToken>> {
  const found = config["added_tokens_decoder"] ?? {};
  const tokens: [string, unknown][] = Object.entries(found);
  const named = tokens.flatMap(([id, token]) =>
    isNamedToken(token) ? [[id, token] as const] : [],
  );
  return Object.fromEntries(named);
}

interface NamedToken {
  readonly content: string;
  readonly special?: boolean;
}

function isNamedToken(token: unknown): token is NamedToken {
  return (
    typeof token === "object" &&
    token !== null &&
    "content" in token &&
    typeof token.content === "string"
  );
}

/** The template, or the one named `default` of several. */
function templateIn(json: Json): string | undefined {
  const found = json["chat_template"];
  const named: unknown = Array.isArray(found)
    ? (found as Json[]).find(({ name }) => name === "default")?.["template"]
    : found;
  return typeof named === "string" ? named : undefined;
}

function unusable(message: string, cause?: unknown): VlmError {
  return new VlmError(
    "model-mismatch",
    message,
    "Add a chat_template.jinja to the model that renders the text and images of each message, such as that of FastVLM.",
    { cause },
  );
}

/** Marks a list of parts that a template prints instead of its text and images. */
const PRINTED = "\u{F8FF}";

/** The content of a message: one text with image tokens in it, or a list of parts. */
type Format = (
  turn: ChatTurn,
  text: string,
  image: string,
) => string | readonly Json[];

const asText: Format = ({ imageCount, separator }, text, image) =>
  (image + separator).repeat(imageCount) + text;

const asParts: Format = ({ imageCount }, text) => [
  ...Array.from({ length: imageCount }, () => ({
    type: "image",
    list: PRINTED,
  })),
  { type: "text", text, list: PRINTED },
];

/** In order of preference: a template that knows parts places images as in
 * training. In some, only users have them. */
const FORMATS: readonly Format[] = [
  asParts,
  (turn, ...rest) => (turn.role === "user" ? asParts : asText)(turn, ...rest),
  asText,
];

const sampleTurn = (role: ChatTurn["role"], imageCount = 0): ChatTurn => {
  return { role, imageCount, separator: "\n", text: "" };
};
const FIRST_TURNS = [sampleTurn("system"), sampleTurn("user", 1)];
const MORE_TURNS = [sampleTurn("assistant"), sampleTurn("user")];

/** The model's chat template. */
export class ChatTemplate {
  readonly #file: string;
  readonly #template: Template;
  readonly #variables: Json;
  readonly #image: string;
  readonly #format: Format;

  /** `config`: tokenizer_config.json. `image`: the text of the image token. Throws
   * now if the template is unusable, not with the first prompt. */
  constructor({ file, source }: TemplateSource, config: Json, image: string) {
    this.#file = file;
    this.#image = image;
    this.#variables = Object.fromEntries(
      ["bos_token", "eos_token", "pad_token", "unk_token"].map((name) => {
        return [name, contentOf(config[name])];
      }),
    );
    try {
      this.#template = new Template(source);
      this.#format = this.#findFormat();
    } catch (error) {
      if (error instanceof VlmError) throw error;
      const why = String(error);
      throw unusable(
        `${file}: the chat template cannot be used: ${why}`,
        error,
      );
    }
  }

  /** Renders a conversation with a placeholder for the text of each turn. */
  render(turns: readonly ChatTurn[]): string {
    try {
      return this.#checked(turns, this.#format);
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

  #findFormat(): Format {
    const errors: unknown[] = [];
    // Some templates reject a second question.
    for (const sample of [[...FIRST_TURNS, ...MORE_TURNS], FIRST_TURNS]) {
      for (const format of FORMATS) {
        try {
          this.#checked(sample, format);
          return format;
        } catch (error) {
          errors.push(error);
        }
      }
    }
    // A format that the template renders incompletely says more than one that it
    // cannot read.
    throw errors.find((error) => error instanceof VlmError) ?? errors.at(-1);
  }

  /** A template may drop the system text; every other turn must be rendered. */
  #checked(turns: readonly ChatTurn[], format: Format): string {
    const rendered = this.#template.render({
      ...this.#variables,
      messages: turns.map((turn, i) => ({
        role: turn.role,
        content: format(turn, placeholder(i), this.#image),
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
    const complete = found.join("") === kept.join("") && shown === images;
    if (complete && !rendered.includes(PRINTED)) return rendered;
    throw unusable(
      `${this.#file}: the chat template does not render the text and images of every message.`,
    );
  }
}

/** A special token is a string, or an object with its content. */
function contentOf(token: unknown): string {
  if (typeof token === "object" && token !== null && "content" in token) {
    return String(token.content);
  }
  return typeof token === "string" ? token : "";
}

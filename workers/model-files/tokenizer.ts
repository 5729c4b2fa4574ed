import { Tokenizer as HubTokenizer } from "@huggingface/tokenizers";
import { corrupt } from "../util/file-errors";
import {
  addedTokensIn,
  ChatTemplate,
  fillIn,
  findChatTemplate,
  IMAGE,
  type ChatTurn,
  type TemplateSource,
} from "./chat-template";
import { mismatch, object, type Json } from "./config";

interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly special: boolean;
}

/** The tokens that text consists of. */
interface TextTokens {
  readonly names: readonly (readonly [name: string, id: number])[];
  /** Whether each character of a name stands for a byte. */
  readonly byteLevel: boolean;
}

/**
 * The model's tokenizer and chat template. Special tokens come from the template
 * only, never from the text of a message: `<|im_end|>` or `<image>` in a message
 * are ordinary characters.
 */
export class Tokenizer {
  readonly imageToken: number;
  /** The highest id that text can be encoded as. */
  readonly lastId: number;
  readonly #hub: HubTokenizer;
  readonly #plain: HubTokenizer;
  readonly #special: ReadonlyMap<string, number>;
  readonly #byteLevel: boolean;
  readonly #specials: RegExp;
  readonly #template: ChatTemplate;

  /** `config` is tokenizer_config.json; `template` is by default the one in it. */
  constructor(
    tokenizer: unknown,
    config: unknown,
    imageToken?: number,
    template?: TemplateSource,
  ) {
    const options = object("tokenizer_config.json", config);
    const json = completed(
      object("tokenizer.json", tokenizer),
      options,
      imageToken,
    );
    const special = specialTokens(json, imageToken);
    const image = imageToken ?? special.get(IMAGE);
    if (image === undefined)
      throw mismatch(`tokenizer.json has no ${IMAGE} token.`);
    this.imageToken = image;
    this.#special = special;
    const decoder = json["decoder"] as Json | null | undefined;
    this.#byteLevel = decoder?.["type"] === "ByteLevel";
    this.lastId = lastIdOf(json);
    try {
      this.#hub = new HubTokenizer(json, options);
      this.#plain = new HubTokenizer(withoutSpecial(json, special), options);
    } catch (error) {
      throw corrupt("tokenizer.json", String(error), error);
    }
    this.#specials = matchAny([...special.keys()]);
    this.#template = new ChatTemplate(
      template ??
        findChatTemplate((file) =>
          file === "tokenizer_config.json" ? options : undefined,
        ),
      options,
      this.#nameOf(image),
    );
  }

  /** Ids of a whole conversation, with one image token for each image. */
  encodeChat(turns: readonly ChatTurn[]): number[] {
    const pieces = this.#template.render(turns).split(this.#specials);
    return pieces.flatMap((piece) => {
      const id = this.#special.get(piece);
      if (id !== undefined) return [id];
      return this.encode(fillIn(piece, turns));
    });
  }

  /** Ids of a text, in which special tokens are ordinary characters. */
  encode(text: string): number[] {
    if (text === "") return [];
    return this.#plain.encode(text, { add_special_tokens: false }).ids;
  }

  decode(ids: readonly number[]): string {
    if (ids.length === 0) return "";
    return this.#hub.decode([...ids], {
      skip_special_tokens: true,
      clean_up_tokenization_spaces: false,
    });
  }

  textTokens(): TextTokens {
    const special = new Set(this.#special.values());
    const all = [...this.#hub.get_vocab(true)];
    const names = all.filter(([, id]) => !special.has(id));
    return { names, byteLevel: this.#byteLevel };
  }

  idOf(token: string): number | undefined {
    return this.#hub.token_to_id(token);
  }

  #nameOf(id: number): string {
    const name = this.#hub.id_to_token(id);
    if (name !== undefined && this.#special.has(name)) return name;
    throw mismatch(
      `tokenizer.json: the image token ${id} is not a special token.`,
    );
  }
}

/** The tokenizer with the added tokens that only tokenizer_config.json lists, as in
 * the published files, and with the image token. */
function completed(
  json: Json,
  config: Json,
  imageToken: number | undefined,
): Json {
  const added = json["added_tokens"];
  if (!Array.isArray(added))
    throw mismatch("tokenizer.json has no added_tokens.");
  const tokens = added as AddedToken[];
  const words = wordsOf(json);
  const names = new Set([
    ...Object.keys(words),
    ...tokens.map(({ content }) => content),
  ]);
  const ids = new Set([...Object.values(words), ...tokens.map(({ id }) => id)]);
  const declared = Object.entries(addedTokensIn(config)).map(
    ([id, token]): AddedToken => ({
      ...token,
      id: Number(id),
      special: token.special ?? false,
    }),
  );
  const image =
    imageToken === undefined
      ? []
      : [{ id: imageToken, content: IMAGE, special: true }];
  const more = [...declared, ...image].filter(({ id, content }) => {
    const isNew = !ids.has(id) && !names.has(content);
    ids.add(id);
    names.add(content);
    return isNew;
  });
  return { ...json, added_tokens: [...tokens, ...more] };
}

function wordsOf(json: Json): Json {
  const { vocab } = object("tokenizer.json", json["model"]);
  return object("tokenizer.json", vocab);
}

/** The image token always counts as special, whatever the file says. */
function specialTokens(
  json: Json,
  imageToken: number | undefined,
): Map<string, number> {
  const added = json["added_tokens"] as AddedToken[];
  const special = added.filter(
    ({ id, content, special }) =>
      special || id === imageToken || content === IMAGE,
  );
  return new Map(special.map(({ content, id }) => [content, id]));
}

function lastIdOf(json: Json): number {
  const words = Object.values(wordsOf(json));
  const added = (json["added_tokens"] as AddedToken[]).map(({ id }) => id);
  return [...words, ...added].reduce<number>(
    (last, id) => Math.max(last, Number(id)),
    0,
  );
}

/** The same vocabulary without the special tokens. */
function withoutSpecial(
  json: Json,
  special: ReadonlyMap<string, number>,
): Json {
  const added = json["added_tokens"] as AddedToken[];
  const model = object("tokenizer.json", json["model"]);
  const words = Object.entries(wordsOf(json)).filter(
    ([word]) => !special.has(word),
  );
  return {
    ...json,
    added_tokens: added.filter(({ content }) => !special.has(content)),
    model: { ...model, vocab: Object.fromEntries(words) },
  };
}

/** Matches each of `words`, the longest first. */
function matchAny(words: readonly string[]): RegExp {
  const escaped = [...words]
    .sort((a, b) => b.length - a.length)
    .map((word) => word.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
  return new RegExp(`(${escaped.join("|")})`);
}

import { VlmError } from "../../src/shared/errors";
import { isSize, SIZE_RULE } from "../util/size";
import type { ConfigFile } from "./manifest";

export type Json = Readonly<Record<string, unknown>>;

/** What of a model's configuration files the worker goes by. */
export interface ModelConfig {
  readonly name: string | undefined;
  readonly hidden: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  /** Rows of the embedding and columns of the logits, more or less. */
  readonly vocabulary: number;
  /** Channels of the encoder's last layer, before the projector. */
  readonly visionWidth: number;
  readonly contextLength: number;
  /** Absent or negative (a sentinel of the PyTorch code): by its name. */
  readonly imageToken: number | undefined;
  readonly endTokens: readonly number[];
  readonly side: number;
}

/** No size of a model is larger, a context of 16 million tokens included. */
const MOST = 2 ** 24;

/** FastVLM's, for files that leave them out as transformers does. */
const DEFAULTS = {
  contextLength: 32768,
  vocabulary: 151936,
  visionWidth: 3072,
  side: 1024,
};

export function mismatch(message: string): VlmError {
  return new VlmError(
    "model-mismatch",
    message,
    "Export the model with the published names and shapes (see the README).",
  );
}

/** The object of a file, or of one of its fields. */
export function object(file: ConfigFile, value: unknown): Json {
  if (isObject(value)) return value;
  throw mismatch(`${file} does not hold an object where one is expected.`);
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** `files` gives the parsed JSON, undefined for a file that is not there. */
export function readConfig(files: (file: ConfigFile) => unknown): ModelConfig {
  const config = object("config.json", files("config.json"));
  // transformers' fast_vlm nests what llava_qwen2 has flat.
  const text: Json = { ...config, ...part(config, "text_config") };
  const vision: Json = { ...part(config, "vision_config"), ...config };
  const hidden = positive(text, "hidden_size");
  const heads = positive(text, "num_attention_heads");
  const kvHeads = positive(text, "num_key_value_heads", heads);
  const headDim = positive(text, "head_dim", hidden / heads);
  if (heads % kvHeads !== 0) {
    throw mismatch(
      `config.json: ${heads} heads cannot share ${kvHeads} of keys and values.`,
    );
  }
  const name = config["_name_or_path"];
  return {
    name: typeof name === "string" && name !== "" ? name : undefined,
    hidden,
    heads,
    layers: positive(text, "num_hidden_layers"),
    kvHeads,
    headDim,
    vocabulary: positive(text, "vocab_size", DEFAULTS.vocabulary),
    visionWidth: positive(vision, "mm_hidden_size", DEFAULTS.visionWidth),
    contextLength: Math.min(
      positive(text, "max_position_embeddings", DEFAULTS.contextLength),
      tokenizerLimit(files("tokenizer_config.json")),
    ),
    imageToken: imageTokenOf(config),
    endTokens: endTokensOf(text, files("generation_config.json")),
    side: sideOf(files("preprocessor_config.json"), vision),
  };
}

function part(config: Json, key: string): Json {
  const value = config[key];
  return isObject(value) ? value : {};
}

/** `otherwise` where the field is missing or null. */
function positive(json: Json, key: string, otherwise?: number): number {
  const value = json[key] ?? otherwise;
  if (Number.isInteger(value) && Number(value) > 0 && Number(value) <= MOST) {
    return Number(value);
  }
  throw mismatch(
    `config.json: ${key} is ${JSON.stringify(value)}, not a whole number from 1 to ${MOST}.`,
  );
}

function tokenizerLimit(file: unknown): number {
  const limit = object("tokenizer_config.json", file)["model_max_length"];
  return typeof limit === "number" && limit >= 1 ? Math.floor(limit) : Infinity;
}

function imageTokenOf(config: Json): number | undefined {
  const id = config["image_token_index"] ?? config["image_token_id"];
  return typeof id === "number" && id >= 0 ? id : undefined;
}

function endTokensOf(text: Json, file: unknown): number[] {
  const generation =
    file === undefined ? {} : object("generation_config.json", file);
  const ids = [generation["eos_token_id"] ?? text["eos_token_id"]].flat();
  return ids.filter((id) => typeof id === "number");
}

/** What the processor asks for; without it, what the tower is named after
 * (`mobileclip_l_1024`). */
function sideOf(file: unknown, vision: Json): number {
  if (file === undefined) {
    const tower = vision["mm_vision_tower"];
    const named = typeof tower === "string" ? /_(\d+)$/.exec(tower) : null;
    const side = Number(named?.[1]);
    return isSize(side) ? side : DEFAULTS.side;
  }
  const name = "preprocessor_config.json";
  const json = object(name, file);
  checkRange(json);
  const { size, crop_size: crop } = json;
  if (typeof size === "number") return checkSide(size);
  const sides = object(name, size ?? crop);
  const key = "shortest_edge" in sides ? "shortest_edge" : "height";
  return checkSide(sides[key]);
}

/** FastVLM reads pixels from 0 to 1, without a mean and deviation of its own;
 * an encoder for others would see every picture in wrong colours. */
function checkRange(json: Json): void {
  const normal = json["do_normalize"] !== false;
  const mean = json["image_mean"] ?? 0;
  const deviation = json["image_std"] ?? 1;
  const factor = json["rescale_factor"] ?? 1 / 255;
  const differs = [
    { key: "image_mean", differs: normal && !each(mean, 0) },
    { key: "image_std", differs: normal && !each(deviation, 1) },
    { key: "rescale_factor", differs: !each(factor, 1 / 255) },
    { key: "do_rescale", differs: json["do_rescale"] === false },
  ].find((one) => one.differs);
  if (differs === undefined) return;
  const found = JSON.stringify(json[differs.key]);
  throw mismatch(
    `preprocessor_config.json: ${differs.key} is ${found}; FastVLM reads pixels from 0 to 1 as they are.`,
  );
}

/** Whether a number, or each of a list, is `wanted`. */
function each(value: unknown, wanted: number): boolean {
  return [value]
    .flat()
    .every((one) => typeof one === "number" && Math.abs(one - wanted) < 1e-6);
}

/** What the encoder can be asked for; the graph itself would say it worse. */
function checkSide(value: unknown): number {
  if (typeof value === "number" && isSize(value)) return value;
  throw mismatch(`preprocessor_config.json: the side is not ${SIZE_RULE}.`);
}

import { VlmError } from "../../src/shared/errors";
import { describeValue, isObject, sizeRule } from "../../src/shared/options";
import type { ConfigFile } from "./manifest";

export type Json = Readonly<Record<string, unknown>>;

/** The values of a model's configuration files that the worker uses. */
export interface ModelConfig {
  readonly name: string | undefined;
  readonly hidden: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  /** Rows of the embedding table and columns of the logits, approximately. */
  readonly vocabulary: number;
  /** Channels of the encoder's last layer, before the projector. */
  readonly visionWidth: number;
  readonly contextLength: number;
  /** Undefined where the file has none, or a negative one (a sentinel of the
   * PyTorch code): the token is then found by its name. */
  readonly imageToken: number | undefined;
  readonly endTokens: readonly number[];
  readonly size: number;
}

/** Upper limit of every size, to reject damaged files. */
const MAX_VALUE = 2 ** 24;

/** FastVLM's values, for files that omit them as transformers does. */
const DEFAULTS = {
  contextLength: 32768,
  vocabulary: 151936,
  visionWidth: 3072,
  size: 1024,
};

export function mismatch(message: string): VlmError {
  return new VlmError(
    "model-mismatch",
    message,
    "Use the files of a FastVLM model, or export it again as docs/add-a-model.md describes.",
  );
}

/** The object in a file, or in one of its fields. */
export function object(file: ConfigFile, value: unknown): Json {
  if (isObject(value)) return value;
  throw mismatch(
    `${file}: an object is required, not ${describeValue(value)}.`,
  );
}

/** `files` returns parsed JSON, or undefined for a missing file. */
export function readConfig(files: (file: ConfigFile) => unknown): ModelConfig {
  const config = object("config.json", files("config.json"));
  // transformers' fast_vlm nests the fields that llava_qwen2 has at the top.
  const text: Json = { ...config, ...part(config, "text_config") };
  const vision: Json = { ...part(config, "vision_config"), ...config };
  const hidden = positive(text, "hidden_size");
  const heads = positive(text, "num_attention_heads");
  const kvHeads = positive(text, "num_key_value_heads", heads);
  const headDim = positive(text, "head_dim", hidden / heads);
  if (heads % kvHeads !== 0) {
    throw mismatch(
      `config.json: num_attention_heads ${heads} is not a multiple of num_key_value_heads ${kvHeads}.`,
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
    size: imageSizeOf(imageProcessorOf(files), vision),
  };
}

function part(config: Json, key: string): Json {
  const value = config[key];
  return isObject(value) ? value : {};
}

/** `fallback` is for a missing or null field. */
function positive(json: Json, key: string, fallback?: number): number {
  const value = json[key] ?? fallback;
  if (
    Number.isInteger(value) &&
    Number(value) > 0 &&
    Number(value) <= MAX_VALUE
  ) {
    return Number(value);
  }
  throw mismatch(
    `config.json: ${key} is ${JSON.stringify(value)}, not a whole number from 1 to ${MAX_VALUE}.`,
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

/** The settings of the image processor, which transformers 5 saves as a part of
 * processor_config.json, and their file. */
function imageProcessorOf(
  files: (file: ConfigFile) => unknown,
): { readonly file: ConfigFile; readonly json: Json } | undefined {
  const file = "preprocessor_config.json";
  const own = files(file);
  if (own !== undefined) return { file, json: object(file, own) };
  const shared = "processor_config.json";
  const all = files(shared);
  const json = all && object(shared, all)["image_processor"];
  return isObject(json) ? { file: shared, json } : undefined;
}

/** The size in the settings of the image processor, else in the name of the vision
 * tower (`mobileclip_l_1024`). */
function imageSizeOf(
  processor: ReturnType<typeof imageProcessorOf>,
  vision: Json,
): number {
  if (processor === undefined) {
    const tower = vision["mm_vision_tower"];
    const named = typeof tower === "string" ? /_(\d+)$/.exec(tower) : null;
    const size = Number(named?.[1]);
    return sizeRule.accepts(size) ? size : DEFAULTS.size;
  }
  const { file, json } = processor;
  checkRange(file, json);
  const size = json["size"] ?? json["crop_size"];
  if (typeof size === "number") return checkImageSize(file, size);
  const edges = object(file, size);
  const keys = ["shortest_edge", "longest_edge", "height"];
  const key = keys.find((one) => one in edges) ?? "height";
  return checkImageSize(file, edges[key]);
}

/** FastVLM's pixels are from 0 to 1, without mean and deviation. An encoder with
 * another normalization would see wrong colours. */
function checkRange(file: ConfigFile, json: Json): void {
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
    `${file}: ${differs.key} is ${found}; FastVLM needs pixels from 0 to 1 without normalization.`,
  );
}

/** Whether a number, or each number of an array, is `wanted`. */
function each(value: unknown, wanted: number): boolean {
  return [value]
    .flat()
    .every((one) => typeof one === "number" && Math.abs(one - wanted) < 1e-6);
}

function checkImageSize(file: ConfigFile, value: unknown): number {
  if (typeof value === "number" && sizeRule.accepts(value)) return value;
  throw mismatch(
    `${file}: the image size is ${JSON.stringify(value)}, not ${sizeRule.expected}.`,
  );
}

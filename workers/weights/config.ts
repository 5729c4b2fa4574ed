import { VlmError } from "../../src/shared/errors";
import { isSize, SIZE_RULE } from "../size";
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
  readonly contextLength: number;
  /** Absent or negative (a sentinel of the PyTorch code): by its name. */
  readonly imageToken: number | undefined;
  readonly endTokens: readonly number[];
  readonly side: number;
}

export function mismatch(message: string): VlmError {
  return new VlmError(
    "model-mismatch",
    message,
    "Export the model with the published names and shapes (see the README).",
  );
}

/** The object of a file, or of one of its fields. */
export function object(file: ConfigFile, value: unknown): Json {
  if (typeof value === "object" && value !== null) return value as Json;
  throw mismatch(`${file} does not hold an object where one is expected.`);
}

function positive(file: ConfigFile, json: Json, key: string): number {
  const value = json[key];
  if (Number.isInteger(value) && Number(value) > 0) return Number(value);
  throw mismatch(`${file}: ${key} is not a positive whole number.`);
}

export function readConfig(files: (file: ConfigFile) => unknown): ModelConfig {
  const config = object("config.json", files("config.json"));
  const number = (key: string) => positive("config.json", config, key);
  const hidden = number("hidden_size");
  const heads = number("num_attention_heads");
  const name = config["_name_or_path"];
  return {
    name: typeof name === "string" && name !== "" ? name : undefined,
    hidden,
    heads,
    layers: number("num_hidden_layers"),
    kvHeads: number("num_key_value_heads"),
    headDim: "head_dim" in config ? number("head_dim") : hidden / heads,
    contextLength: Math.min(
      number("max_position_embeddings"),
      tokenizerLimit(files("tokenizer_config.json")),
    ),
    imageToken: imageTokenOf(config),
    endTokens: endTokensOf(config, files("generation_config.json")),
    side: sideOf(files("preprocessor_config.json")),
  };
}

function tokenizerLimit(file: unknown): number {
  const limit = object("tokenizer_config.json", file)["model_max_length"];
  return typeof limit === "number" && limit > 0 ? limit : Infinity;
}

function imageTokenOf(config: Json): number | undefined {
  const id = config["image_token_index"] ?? config["image_token_id"];
  return typeof id === "number" && id >= 0 ? id : undefined;
}

function endTokensOf(config: Json, file: unknown): number[] {
  const generation = object("generation_config.json", file);
  const ids = [generation["eos_token_id"] ?? config["eos_token_id"]].flat();
  return ids.filter((id) => typeof id === "number");
}

function sideOf(file: unknown): number {
  const name = "preprocessor_config.json";
  const { size, crop_size: crop } = object(name, file);
  if (typeof size === "number") return checkSide(size);
  const sides = object(name, size ?? crop);
  const key = "shortest_edge" in sides ? "shortest_edge" : "height";
  return checkSide(sides[key]);
}

/** What the encoder can be asked for; the graph itself would say it worse. */
function checkSide(value: unknown): number {
  if (typeof value === "number" && isSize(value)) return value;
  throw mismatch(`preprocessor_config.json: the side is not ${SIZE_RULE}.`);
}

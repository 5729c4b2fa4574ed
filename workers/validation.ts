import { badOption } from "../src/shared/errors";
import type { Dtype, Graph, ModelSource } from "../src/shared/models";
import type {
  Constraint,
  PromptInput,
  GenerateOptions,
  Frame,
  LoadOptions,
  Sampling,
} from "../src/shared/protocol";
import { isSize, SIZE_RULE } from "./util/size";
import { DTYPES, GRAPHS } from "./model-files/manifest";

const MAX_TOKENS = 4096;
const DEVICES = ["webgpu", "wasm", "auto"];
const BACKENDS = ["auto", "ort"];

// Messages from another thread may be anything, whatever their types say.

/** Throws `bad-option` with the name of the first invalid option. */
export function checkDescribe(options: GenerateOptions): void {
  checkCount(options);
  const { maxTokens, sampling, prefix = "", constraint } = options;
  if (!Number.isInteger(maxTokens) || maxTokens < 1 || maxTokens > MAX_TOKENS) {
    throw badOption(
      `maxTokens must be a whole number from 1 to ${MAX_TOKENS}.`,
    );
  }
  checkObject("sampling", sampling);
  checkSampling(sampling);
  if (typeof prefix !== "string") throw badOption("prefix must be a string.");
  if (constraint !== undefined) checkConstraint(constraint);
  checkImageOptions(options);
}

/** Throws `bad-option` with the name of the first invalid part. */
export function checkCount(conversation: PromptInput): void {
  checkObject("The options", conversation);
  const { messages, anyres, size } = conversation;
  if (!Array.isArray(messages)) throw badOption("messages must be an array.");
  for (const message of messages as PromptInput["messages"]) {
    checkObject("Every message", message);
    if (typeof message.text !== "string") {
      throw badOption("text of a message must be a string.");
    }
  }
  if (typeof anyres !== "boolean") {
    throw badOption("anyres must be true or false.");
  }
  checkSize(size);
}

function checkSampling(options: Sampling): void {
  const { temperature, topK, topP, repetitionPenalty, seed } = options;
  const numbers = { temperature, topK, topP, repetitionPenalty, seed };
  for (const [name, value] of Object.entries(numbers)) {
    if (typeof value !== "number") throw badOption(`${name} must be a number.`);
  }
  const rules: readonly (readonly [string, boolean, string])[] = [
    ["temperature", temperature >= 0 && temperature <= 100, "from 0 to 100"],
    ["topK", Number.isInteger(topK) && topK >= 0, "a whole number, 0 or more"],
    ["topP", topP > 0 && topP <= 1, "above 0, at most 1"],
    [
      "repetitionPenalty",
      repetitionPenalty > 0 && repetitionPenalty <= 100,
      "above 0, at most 100",
    ],
    ["seed", Number.isFinite(seed), "a number"],
  ];
  for (const [name, holds, range] of rules) {
    if (!holds) throw badOption(`${name} must be ${range}.`);
  }
}

function checkConstraint(constraint: Constraint): void {
  checkObject("constraint", constraint);
  const named = constraint.type === "json" || constraint.type === "regex";
  if (!named) throw badOption("constraint.type must be json or regex.");
  if (constraint.type === "json") return;
  const { source, flags } = constraint;
  if (typeof source !== "string" || typeof flags !== "string") {
    throw badOption("source and flags of a regex constraint must be strings.");
  }
}

function checkImageOptions({ imageIds, draft, gate }: GenerateOptions): void {
  const named: unknown = imageIds === undefined ? [] : imageIds;
  const areNames =
    Array.isArray(named) &&
    named.every((name) => name === null || typeof name === "string");
  if (!areNames)
    throw badOption("imageIds must be an array of strings or null.");
  if (typeof draft !== "boolean") {
    throw badOption("draft must be true or false.");
  }
  if (typeof gate !== "number" || !(gate >= 0 && gate <= 1))
    throw badOption("gate must be a number from 0 to 1.");
}

export function isFrame(value: unknown): value is Frame {
  return value instanceof ImageBitmap || value instanceof VideoFrame;
}

export function checkFrames(
  frames: readonly Frame[],
  { imageIds }: Pick<GenerateOptions, "imageIds"> = {},
): void {
  if (!Array.isArray(frames) || !frames.every(isFrame)) {
    throw badOption("frames must be an array of VideoFrame or ImageBitmap.");
  }
  if (imageIds !== undefined && imageIds.length !== frames.length) {
    throw badOption(
      `imageIds has ${imageIds.length} entries, but ${frames.length} frames were given.`,
    );
  }
}

export function checkSize(size: number): void {
  if (!isSize(size)) throw badOption(`size must be ${SIZE_RULE}.`);
}

export function checkLoad(options: LoadOptions): void {
  checkObject("The options", options);
  const { model, device, dtype, backend } = options;
  checkObject("model", model);
  checkSource(model);
  if (!DEVICES.includes(device)) {
    throw badOption(`device must be one of ${DEVICES.join(", ")}.`);
  }
  if (!BACKENDS.includes(backend)) {
    throw badOption(`backend must be ${BACKENDS.join(" or ")}.`);
  }
  if (dtype === "auto") return;
  if (typeof dtype === "string") checkDtype(dtype);
  else checkByGraph(dtype);
}

function checkByGraph(dtypes: Partial<Record<Graph, Dtype>>): void {
  checkObject("dtype", dtypes);
  for (const [graph, dtype] of Object.entries(dtypes)) {
    if (!(GRAPHS as readonly string[]).includes(graph)) {
      throw badOption(`dtype names ${graph}, not one of ${GRAPHS.join(", ")}.`);
    }
    checkDtype(dtype);
  }
}

function checkDtype(dtype: Dtype): void {
  if (DTYPES.includes(dtype)) return;
  const names = ["auto", ...DTYPES].join(", ");
  throw badOption(
    `dtype must be one of ${names}, or an object of dtypes by graph.`,
  );
}

function checkSource(model: ModelSource): void {
  switch (model.kind) {
    case "hub":
      checkHub(model);
      break;
    case "url":
      if (isWebAddress(model.url) && model.url.endsWith("/")) break;
      throw badOption("model must be an absolute URL that ends with a slash.");
    case "folder":
      checkFolder(model);
      break;
    default:
      throw badOption("model.kind must be hub, url or folder.");
  }
}

function checkFolder({
  name,
  files,
}: Extract<ModelSource, { kind: "folder" }>): void {
  const isFile = (each: unknown): boolean =>
    isObject(each) &&
    typeof each["path"] === "string" &&
    each["file"] instanceof Blob;
  if (typeof name !== "string" || !Array.isArray(files)) {
    throw badOption("model must have a name and an array of files.");
  }
  if (files.length === 0) throw badOption(`The folder ${name} is empty.`);
  if (files.every(isFile)) return;
  throw badOption(
    `Every file of the folder ${name} must have a path and a Blob.`,
  );
}

/** owner/name; neither may leave the model's path on the hub. */
const HUB_ID = /^[\w-][\w.-]*(\/[\w-][\w.-]*)?$/;

function checkHub({
  endpoint,
  id,
  revision,
}: Extract<ModelSource, { kind: "hub" }>): void {
  if (!isWebAddress(endpoint) || endpoint.endsWith("/")) {
    throw badOption(
      "model.endpoint must be an absolute URL without a trailing slash.",
    );
  }
  if (typeof id !== "string" || !HUB_ID.test(id)) {
    throw badOption(`Invalid model id ${id}: it must be owner/name.`);
  }
  // Two dots would leave the path; a lone surrogate cannot be in a URL.
  const named = typeof revision === "string" && revision.isWellFormed();
  if (!named || /^\.{0,2}$/.test(revision)) {
    throw badOption(`Invalid revision for ${id}.`);
  }
}

function isWebAddress(text: unknown): text is string {
  return (
    typeof text === "string" &&
    /^https?:$/.test(URL.parse(text)?.protocol ?? "")
  );
}

function checkObject(what: string, value: unknown): void {
  if (!isObject(value)) throw badOption(`${what} must be an object.`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

import type { DtypeChoice, Graph, ModelSource } from "../src/shared/models";
import { badOption } from "../src/shared/errors";
import { isVideoFrame } from "../src/shared/frames";
import {
  checkFields,
  checkMessages,
  checkOption,
  counted,
  describeValue,
  dtypes,
  graphNames,
  isObject,
  loadRules,
  objectRule,
  oneOf,
  promptRules,
  requestRules,
  sizeRule,
  stringRule,
} from "../src/shared/options";
import type {
  Constraint,
  Frame,
  GenerateOptions,
  LoadOptions,
  Message,
  PromptInput,
} from "../src/shared/protocol";

// Options come from another thread: their types are not trusted here.

/** Throws `bad-option` for the first option of a request that is not valid. */
export function checkRequest(options: GenerateOptions): void {
  checkPromptInput(options);
  checkConversation(options.messages);
  checkFields(options, requestRules);
  const { prefix, constraint, imageIds, watcher } = options;
  if (prefix !== undefined) checkOption("prefix", prefix, stringRule);
  if (watcher !== undefined) checkOption("watcher", watcher, stringRule);
  if (constraint !== undefined) {
    checkOption("constraint", constraint, objectRule);
    checkConstraint(constraint);
  }
  if (imageIds !== undefined) checkImageIds(imageIds);
}

/** Throws `bad-option` for the first option that tokens are not counted by. */
export function checkPromptInput(input: PromptInput): void {
  checkFields(input, promptRules);
  checkMessages(input.messages);
  input.messages.forEach(checkMessage);
}

/** Throws `bad-option` if a message has an unknown role, or images it cannot
 * have. */
function checkMessage({ role, imageCount }: Message, at: number): void {
  if (role !== "system" && role !== "user" && role !== "assistant") {
    throw badOption(
      `messages[${at}].role must be system, user or assistant, not ${describeValue(role)}.`,
      "Give every message one of these roles.",
    );
  }
  if (!Number.isInteger(imageCount) || imageCount < 0) {
    throw badOption(
      `messages[${at}].imageCount must be a whole number, 0 or more, not ${describeValue(imageCount)}.`,
      "Pass the number of images of the message.",
    );
  }
  if (role !== "user" && imageCount > 0) {
    throw badOption(
      `messages[${at}] has the role ${role} and images, which only user messages can have.`,
      "Move the images to a user message.",
    );
  }
}

/** Throws `bad-option` if the order of the roles is invalid. */
function checkConversation(messages: readonly Message[]): void {
  if (messages.at(-1)?.role !== "user") {
    throw badOption(
      "The last message must have the role user.",
      "End the list with a user message.",
    );
  }
  const system = messages.findLastIndex(({ role }) => role === "system");
  if (system > 0) {
    throw badOption(
      `messages[${system}] has the role system, which only the first message can have.`,
      "Begin the list with the system message, or leave it out.",
    );
  }
}

function checkConstraint(constraint: Constraint): void {
  checkOption("constraint.type", constraint.type, oneOf("json", "regex"));
  if (constraint.type === "json") return;
  checkOption("constraint.source", constraint.source, stringRule);
  checkOption("constraint.flags", constraint.flags, stringRule);
}

function checkImageIds(ids: unknown): void {
  const valid =
    Array.isArray(ids) &&
    ids.every((id) => id === null || typeof id === "string");
  if (!valid) {
    throw badOption(
      "imageIds must be an array whose elements are strings or null.",
    );
  }
}

export function isFrame(value: unknown): value is Frame {
  return value instanceof ImageBitmap || isVideoFrame(value);
}

/** Throws `bad-option` if these are not the frames of a valid request. */
export function checkFrames(
  frames: readonly Frame[],
  { messages, imageIds }: Pick<GenerateOptions, "messages" | "imageIds">,
): void {
  if (!Array.isArray(frames) || !frames.every(isFrame)) {
    throw badOption(
      "The frames must be an array of VideoFrame or ImageBitmap.",
      "Pass an array with one frame for each image of the messages.",
    );
  }
  const total = messages.reduce((sum, { imageCount }) => sum + imageCount, 0);
  if (total !== frames.length) {
    throw badOption(
      `The messages have ${counted(total, "image")}, but ${counted(frames.length, "frame")} were given.`,
      "Pass one frame for each image of the messages.",
    );
  }
  if (imageIds !== undefined && imageIds.length !== frames.length) {
    throw badOption(
      `imageIds has ${counted(imageIds.length, "id")}, but ${counted(frames.length, "frame")} were given.`,
      "Pass an id or null for each frame, or leave imageIds out.",
    );
  }
}

export function checkSize(size: number): void {
  checkOption("size", size, sizeRule);
}

export function checkLoad(options: LoadOptions): void {
  checkFields(options, { ...loadRules, model: objectRule });
  checkSource(options.model);
  checkDtype(options.dtype);
}

function checkDtype(dtype: DtypeChoice): void {
  if (!isObject(dtype)) {
    checkOption("dtype", dtype, oneOf("auto", ...dtypes));
    return;
  }
  for (const [graph, each] of Object.entries(dtype)) {
    if (!graphNames.includes(graph as Graph)) {
      throw badOption(
        `dtype contains an unknown graph ${describeValue(graph)}; the graphs are ${graphNames.join(", ")}.`,
      );
    }
    checkOption(`dtype.${graph}`, each, oneOf(...dtypes));
  }
}

function checkSource(model: ModelSource): void {
  switch (model.kind) {
    case "hub":
      checkHub(model);
      break;
    case "url":
      if (isWebAddress(model.url) && model.url.endsWith("/")) break;
      throw badOption(
        `model.url must be an absolute URL that ends with a slash, not ${describeValue(model.url)}.`,
      );
    case "folder":
      checkFolder(model);
      break;
    default:
      throw badOption("model.kind must be one of hub, url, folder.");
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
    throw badOption(
      "A folder must have a name and an array of files.",
      "Pass its name and its files, each with a path and a Blob.",
    );
  }
  if (files.length === 0) {
    throw badOption(
      `The folder ${name} is empty.`,
      "Choose the folder that contains the files of the model.",
    );
  }
  if (files.every(isFile)) return;
  throw badOption(
    `Every file of the folder ${name} must have a path and a Blob.`,
    "Pass every file as { path, file }, with a Blob as file.",
  );
}

/** `owner/name`, or a name alone; no segment may be `.` or `..`. */
const HUB_ID = /^[\w-][\w.-]*(\/[\w-][\w.-]*)?$/;

function checkHub({
  endpoint,
  id,
  revision,
}: Extract<ModelSource, { kind: "hub" }>): void {
  if (!isWebAddress(endpoint) || endpoint.endsWith("/")) {
    throw badOption(
      `The hub must be an absolute URL without a trailing slash, not ${describeValue(endpoint)}.`,
    );
  }
  if (typeof id !== "string" || !HUB_ID.test(id)) {
    throw badOption(
      `The id of a model must be owner/name, not ${describeValue(id)}.`,
    );
  }
  // ".." would lead out of the repository; a lone surrogate fits no URL.
  const named = typeof revision === "string" && revision.isWellFormed();
  if (!named || /^\.{0,2}$/.test(revision)) {
    throw badOption(`Invalid revision for ${id}: ${describeValue(revision)}.`);
  }
}

function isWebAddress(text: unknown): text is string {
  return (
    typeof text === "string" &&
    /^https?:$/.test(URL.parse(text)?.protocol ?? "")
  );
}

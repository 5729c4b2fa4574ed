import type { Dtype, ModelSource } from "../src/shared/models";
import type { DescribeOptions, LoadOptions } from "../src/shared/protocol";
import { badOption, checkSampling } from "./sampling";
import { isSize, SIZE_RULE } from "./size";
import { GRAPHS } from "./weights/manifest";

const MAX_TOKENS = 4096;
const DEVICES = ["webgpu", "wasm", "auto"];
const DTYPES: readonly string[] = [
  "fp32",
  "fp16",
  "q4",
  "q4f16",
] satisfies Dtype[];

/** Throws `bad-option` naming the first option that cannot be. */
export function checkDescribe(options: DescribeOptions): void {
  const { messages, size, maxTokens } = options;
  if (messages.some(({ text }) => typeof text !== "string")) {
    throw badOption("Every message must have a text.");
  }
  checkSide(size);
  if (!Number.isInteger(maxTokens) || maxTokens < 1 || maxTokens > MAX_TOKENS) {
    throw badOption(
      `maxTokens must be a whole number from 1 to ${MAX_TOKENS}.`,
    );
  }
  checkSampling(options.sampling);
}

export function checkSide(size: number): void {
  if (!isSize(size)) throw badOption(`size must be ${SIZE_RULE}.`);
}

export function checkLoad({ model, device, dtype }: LoadOptions): void {
  checkSource(model);
  if (!DEVICES.includes(device)) {
    throw badOption(`device must be one of ${DEVICES.join(", ")}.`);
  }
  const dtypes =
    typeof dtype === "string" ? [dtype] : GRAPHS.map((graph) => dtype[graph]);
  if (dtype !== "auto" && !dtypes.every((each) => DTYPES.includes(each))) {
    const names = ["auto", ...DTYPES].join(", ");
    throw badOption(`dtype must be one of ${names}, or one for each graph.`);
  }
}

function checkSource(model: ModelSource): void {
  switch (model.kind) {
    case "hub":
      checkHub(model);
      break;
    case "url":
      if (URL.canParse(model.url) && model.url.endsWith("/")) break;
      throw badOption("model must be an absolute URL that ends with a slash.");
    case "folder":
      if (model.files.length > 0) break;
      throw badOption(`The folder ${model.name} is empty.`);
    default:
      throw badOption("model must be of a hub, at a URL or in a folder.");
  }
}

/** Owner and name; neither may lead out of the model's place on the hub. */
const HUB_ID = /^[\w-][\w.-]*(\/[\w-][\w.-]*)?$/;

function checkHub({
  endpoint,
  id,
  revision,
}: Extract<ModelSource, { kind: "hub" }>): void {
  if (!URL.canParse(endpoint) || endpoint.endsWith("/")) {
    throw badOption("The hub must be an absolute URL without a last slash.");
  }
  if (!HUB_ID.test(id)) {
    throw badOption(`${id} is not the id of a model: owner/name.`);
  }
  if (revision === "") throw badOption(`${id} is asked for in no revision.`);
}

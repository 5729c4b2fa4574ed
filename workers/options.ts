import type { DescribeOptions, LoadOptions } from "../src/shared/protocol";
import { badOption, checkSampling } from "./sampling";
import { isSize, SIZE_RULE } from "./size";

const MAX_TOKENS = 4096;
const DEVICES = ["webgpu", "wasm", "auto"];
const DTYPES = ["fp32", "fp16", "q4", "q4f16"];

/** Throws `bad-option` naming the first option that cannot be. */
export function checkDescribe(options: DescribeOptions): void {
  const { messages, size, maxTokens } = options;
  if (messages.some(({ text }) => typeof text !== "string")) {
    throw badOption("Every message must have a text.");
  }
  if (!isSize(size)) throw badOption(`size must be ${SIZE_RULE}.`);
  if (!Number.isInteger(maxTokens) || maxTokens < 1 || maxTokens > MAX_TOKENS) {
    throw badOption(
      `maxTokens must be a whole number from 1 to ${MAX_TOKENS}.`,
    );
  }
  checkSampling(options.sampling);
}

export function checkLoad({ model, device, dtype }: LoadOptions): void {
  if (!URL.canParse(model) || !model.endsWith("/")) {
    throw badOption("model must be an absolute URL that ends with a slash.");
  }
  if (!DEVICES.includes(device)) {
    throw badOption(`device must be one of ${DEVICES.join(", ")}.`);
  }
  if (!DTYPES.includes(dtype)) {
    throw badOption(`dtype must be one of ${DTYPES.join(", ")}.`);
  }
}

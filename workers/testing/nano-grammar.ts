import json from "../../public/models/nano/tokenizer.json";
import config from "../../public/models/nano/tokenizer_config.json";
import { Grammar } from "../grammar/grammar";
import type { TokenConstraint } from "../grammar/token-constraint";
import { hasBit } from "../grammar/token-masks";
import { Tokenizer } from "../model-files/tokenizer";
import { defined } from "../util/assert";

export const tokenizer = new Tokenizer(json, config);
/** The token that ends an answer. */
export const end = defined(tokenizer.idOf("<|im_end|>"), "end token");
export const grammar = new Grammar(tokenizer, end);

/** Whether the mask allows each token of an answer and then the end. */
export function accepts(constraint: TokenConstraint, text: string): boolean {
  for (const id of [...tokenizer.encode(text), end]) {
    if (!hasBit(constraint.allowed(), id)) return false;
    constraint.take(id);
  }
  return true;
}

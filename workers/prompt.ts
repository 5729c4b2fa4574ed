import { VlmError } from "../src/shared/errors";
import type { Tokenizer } from "./weights/tokenizer";

/** Text ids around the place of the picture. */
export interface Prompt {
  readonly before: readonly number[];
  readonly after: readonly number[];
  /** Everything, the image token standing once for each image position. */
  readonly ids: readonly number[];
}

export function makePrompt(
  tokenizer: Pick<Tokenizer, "imageToken" | "encodePrompt">,
  text: string,
  imageTokens: number,
  contextLength: number,
): Prompt {
  const ids = tokenizer.encodePrompt(text);
  const at = ids.indexOf(tokenizer.imageToken);
  const before = ids.slice(0, at);
  const after = ids.slice(at + 1);
  const length = before.length + imageTokens + after.length;
  if (length >= contextLength) {
    throw new VlmError(
      "prompt-too-long",
      `Picture and prompt are ${length} tokens; the model reads ${contextLength}, its answer included.`,
      "Shorten the prompt or choose a smaller picture size.",
    );
  }
  const image = Array<number>(imageTokens).fill(tokenizer.imageToken);
  return { before, after, ids: [...before, ...image, ...after] };
}

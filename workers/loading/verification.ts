import type { GenerateOptions, Sampling } from "../../src/shared/protocol";
import type { LoadedModel } from "./model";
import { describe } from "../pipeline";
import { aborted } from "../store/errors";

/** Tokens that both paths have to agree on. */
const TOKENS = 8;

export const GREEDY: Sampling = {
  temperature: 0,
  topK: 0,
  topP: 1,
  repetitionPenalty: 1,
  seed: 0,
};

const QUESTION: Omit<GenerateOptions, "size" | "draft"> = {
  requestId: 0,
  messages: [{ role: "user", text: "What is in the picture?", imageCount: 1 }],
  promptStyle: "reference",
  fit: "stretch",
  anyres: false,
  maxTokens: TOKENS,
  sampling: GREEDY,
  gate: 0,
};

/** A question about the picture. */
interface Trial {
  /** Another question than the usual one. */
  readonly text?: string;
  /** Whether its last answer is tried as a draft. */
  readonly draft: boolean;
  /** Under which it is known, the second time. */
  readonly name: string;
}

/** What a model says of one picture. */
export async function answerTestImage(
  model: LoadedModel,
  side: number,
  { text, draft, name }: Trial,
  signal: AbortSignal,
): Promise<readonly number[]> {
  const frame = await createImageBitmap(redDisc(side));
  const messages = QUESTION.messages.map((message) =>
    text === undefined ? message : { ...message, text },
  );
  const names = [name];
  const options = { ...QUESTION, messages, size: side, draft, names };
  const answer = await describe(
    model,
    [frame],
    options,
    signal,
    () => undefined,
  );
  if (signal.aborted) throw aborted();
  return answer.tokenIds;
}

/** Plain enough that no model is of two minds about it, whose tokens rounding
 * could change. */
function redDisc(side: number): ImageData {
  const image = new ImageData(side, side);
  const words = new Uint32Array(image.data.buffer);
  const middle = (side - 1) / 2;
  for (let i = 0; i < words.length; i++) {
    const x = (i % side) - middle;
    const y = Math.floor(i / side) - middle;
    const inside = x * x + y * y < (side * side) / 9;
    words[i] = inside ? 0xff2828dc : 0xffffffff;
  }
  return image;
}

export function sameTokens(
  a: readonly number[],
  b: readonly number[],
): boolean {
  return a.length === b.length && a.every((id, i) => id === b[i]);
}

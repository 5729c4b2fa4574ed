import type { TokenConstraint } from "../grammar/token-constraint";
import { seededRandom } from "../kernels/testing/random";
import { hasBit } from "../grammar/token-masks";
import type { Tokenizer } from "../model-files/tokenizer";

/** An answer of random allowed tokens, and whether it reached the end token. */
export function randomAnswer(
  constraint: TokenConstraint,
  { tokenizer, end }: { tokenizer: Tokenizer; end: number },
  seed: number,
  most = 400,
): { text: string; ended: boolean } {
  const ids: number[] = [];
  const all = Array.from({ length: tokenizer.lastId + 1 }, (_, id) => id);
  const random = seededRandom(seed);
  while (ids.length < most) {
    const bits = constraint.allowed();
    const may = all.filter((id) => hasBit(bits, id));
    const id = may[Math.floor(random() * may.length)] ?? -1;
    constraint.take(id);
    if (id === end) return { text: tokenizer.decode(ids), ended: true };
    ids.push(id);
  }
  return { text: tokenizer.decode(ids), ended: false };
}

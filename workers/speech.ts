import { Detokenizer } from "./weights/detokenizer";
import type { Tokenizer } from "./weights/tokenizer";

/** Tokens → text: what an answer has come to. */
export class Speech {
  text = "";
  readonly tokenIds: number[] = [];
  readonly #detokenizer: Detokenizer;

  constructor(tokenizer: Pick<Tokenizer, "decode">) {
    this.#detokenizer = new Detokenizer((ids) => tokenizer.decode(ids));
  }

  /** The text that the token completes. */
  push(id: number): string {
    const piece = this.#detokenizer.push(id);
    this.text += piece;
    this.tokenIds.push(id);
    return piece;
  }

  /** Nothing comes any more. */
  end(): void {
    this.text += this.#detokenizer.flush();
  }
}

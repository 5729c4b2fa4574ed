import type { TokenEvent } from "../../src/shared/protocol";
import { Detokenizer } from "../model-files/detokenizer";
import type { Tokenizer } from "../model-files/tokenizer";

/** Collects an answer's tokens and turns them into text and events. */
export class TokenStream {
  text = "";
  readonly tokenIds: number[] = [];
  readonly #detokenizer: Detokenizer;

  constructor(tokenizer: Pick<Tokenizer, "decode">) {
    this.#detokenizer = new Detokenizer((ids) => tokenizer.decode(ids));
  }

  /** The events of `ids`; `timings` go with the first. */
  *push(
    ids: readonly number[],
    timings: TokenEvent["timings"],
  ): Generator<TokenEvent> {
    for (const [i, id] of ids.entries()) {
      const text = this.#detokenizer.push(id);
      this.text += text;
      this.tokenIds.push(id);
      const event = { type: "token", id, text } as const;
      yield i === 0 && timings ? { ...event, timings } : event;
    }
  }

  /** Adds the text that was held back, without an unfinished character. */
  end(): void {
    this.text += this.#detokenizer.flush().replace(/\uFFFD+$/, "");
  }
}

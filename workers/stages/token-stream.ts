import type { WorkerEvent } from "../../src/shared/protocol";
import { Detokenizer } from "../model-files/detokenizer";
import type { Tokenizer } from "../model-files/tokenizer";

type TokenEvent = Extract<WorkerEvent, { type: "token" }>;
type FirstTimings = NonNullable<TokenEvent["timings"]>;

/** Tokens → text: what an answer has come to. */
export class TokenStream {
  text = "";
  readonly tokenIds: number[] = [];
  readonly #detokenizer: Detokenizer;

  constructor(tokenizer: Pick<Tokenizer, "decode">) {
    this.#detokenizer = new Detokenizer((ids) => tokenizer.decode(ids));
  }

  /** What the request tells of each token, with the text that it completes. */
  *say(
    requestId: number,
    ids: readonly number[],
    timings: FirstTimings | undefined,
  ): Generator<TokenEvent> {
    for (const [i, id] of ids.entries()) {
      const text = this.#detokenizer.push(id);
      this.text += text;
      this.tokenIds.push(id);
      const token = { type: "token", requestId, id, text } as const;
      yield i === 0 && timings ? { ...token, timings } : token;
    }
  }

  /** Nothing comes any more. */
  end(): void {
    this.text += this.#detokenizer.flush();
  }
}

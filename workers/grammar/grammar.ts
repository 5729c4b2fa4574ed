import type { Constraint } from "../../src/shared/protocol";
import { VlmError } from "../../src/shared/errors";
import type { Tokenizer } from "../model-files/tokenizer";
import type { ByteAutomaton } from "./automaton";
import { unsupportedConstraint } from "./errors";
import { translateRegex } from "./regex";
import { regexAutomaton } from "./regex-automaton";
import { schemaAutomaton } from "./schema-automaton";
import { TokenConstraint } from "./token-constraint";
import { TokenIndex } from "./token-index";

/** Creates token masks for the vocabulary of one model. */
export class Grammar {
  readonly #tokens: TokenIndex;

  /** `end` is the id of the token that ends an answer. */
  constructor(tokenizer: Tokenizer, end: number) {
    this.#tokens = new TokenIndex(tokenizer, end);
  }

  /**
   * The token mask of an answer of at most `room` tokens that continues `prefix`.
   * Throws `bad-option` if the constraint is not supported, if no text satisfies
   * it, or if no text that satisfies it starts with the prefix.
   */
  constrain(
    constraint: Constraint,
    prefix: string,
    room: number,
  ): TokenConstraint<unknown> {
    const create = <State>(
      automaton: ByteAutomaton<State>,
    ): TokenConstraint<State> =>
      new TokenConstraint(this.#tokens, automaton, prefix, room);
    try {
      return constraint.type === "regex"
        ? create(regexAutomaton(translateRegex(constraint)))
        : create(schemaAutomaton(constraint.schema));
    } catch (error) {
      if (error instanceof VlmError) throw error;
      const why = error instanceof Error ? error.message : String(error);
      throw unsupportedConstraint(why, error);
    }
  }
}

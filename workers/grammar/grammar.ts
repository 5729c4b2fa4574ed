import type { Constraint } from "../../src/shared/protocol";
import { VlmError } from "../../src/shared/errors";
import type { Tokenizer } from "../model-files/tokenizer";
import type { Machine } from "./machine";
import { unsupportedConstraint } from "./errors";
import { translate } from "./regex";
import { regexMachine } from "./regex-machine";
import { schemaMachine } from "./schema-machine";
import { TokenConstraint } from "./token-constraint";
import { Vocabulary } from "./vocabulary";

/** What comes from constraints for the tokens of one model. */
export class Grammar {
  readonly #vocabulary: Vocabulary;

  /** `end`: the token that ends an answer. */
  constructor(tokenizer: Tokenizer, end: number) {
    this.#vocabulary = new Vocabulary(tokenizer, end);
  }

  /**
   * For an answer of `room` tokens at most, after `prefix`. Throws `bad-option`
   * if the constraint is not supported, if nothing can meet it, or if the prefix
   * cannot begin what does.
   */
  constrain(
    constraint: Constraint,
    prefix: string,
    room: number,
  ): TokenConstraint<unknown> {
    const make = <State>(machine: Machine<State>): TokenConstraint<State> =>
      new TokenConstraint(this.#vocabulary, machine, prefix, room);
    try {
      return constraint.type === "regex"
        ? make(regexMachine(translate(constraint)))
        : make(schemaMachine(constraint.schema));
    } catch (error) {
      if (error instanceof VlmError) throw error;
      const why = error instanceof Error ? error.message : String(error);
      throw unsupportedConstraint(why, error);
    }
  }
}

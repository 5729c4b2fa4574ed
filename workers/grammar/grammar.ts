import type { Constraint } from "../../src/shared/protocol";
import type { Tokenizer } from "../model-files/tokenizer";
import { Automaton } from "./automaton";
import { utf8 } from "./code-points";
import { Expressions } from "./expression";
import { isTooDeep, nestedTooDeeply } from "./errors";
import { RegexCompiler } from "./regex";
import { SchemaCompiler } from "./schema-compiler";
import { ShortestCompletion } from "./shortest-completion";
import { TokenConstraint } from "./token-constraint";
import { TokenMasks } from "./token-masks";
import { TokenTrie } from "./token-trie";

/** Expressions that answers may add to a compiled constraint before it is compiled
 * again: live captions have many answers. */
const MAX_GROWTH = 200_000;

/** Creates token masks for the vocabulary of one model. */
export class Grammar {
  readonly #trie: TokenTrie;
  readonly #end: number;
  /** The last constraint: live captions use the same one for each frame. */
  #last: { readonly key: string; readonly masks: TokenMasks } | undefined;

  /** `end` is the id of the token that ends an answer. */
  constructor(tokenizer: Tokenizer, end: number) {
    this.#trie = new TokenTrie(tokenizer);
    this.#end = end;
  }

  /**
   * The token mask of an answer of at most `limit` tokens that continues `prefix`.
   * Throws `bad-option` if the constraint is not supported, if no text satisfies
   * it or starts with the prefix, or if the limit is too low for it.
   */
  constrain(
    constraint: Constraint,
    prefix: string,
    limit: number,
  ): TokenConstraint {
    const text =
      constraint.type === "json" ? withoutWhitespace(prefix) : prefix;
    const bytes = new TextEncoder().encode(text);
    try {
      const masks = this.#masks(constraint);
      const constrained = new TokenConstraint(masks, bytes, limit);
      // A long pattern overflows the call stack here, and not in the first step.
      constrained.allowed();
      return constrained;
    } catch (error) {
      throw isTooDeep(error) ? nestedTooDeeply(error) : error;
    }
  }

  #masks(constraint: Constraint): TokenMasks {
    const key = JSON.stringify(constraint);
    const last = this.#last;
    if (last?.key === key && last.masks.automaton.growth <= MAX_GROWTH) {
      return last.masks;
    }
    const masks = new TokenMasks(compile(constraint), this.#trie, this.#end);
    this.#last = { key, masks };
    return masks;
  }
}

function compile(constraint: Constraint): Automaton {
  const expressions = new Expressions();
  const completion = new ShortestCompletion(expressions);
  const start =
    constraint.type === "regex"
      ? new RegexCompiler(expressions, utf8).whole(
          constraint.source,
          constraint.flags,
        )
      : new SchemaCompiler(
          expressions,
          completion,
          constraint.schema,
        ).compile();
  return new Automaton(expressions, completion, start);
}

/** Removes the optional whitespace from the beginning of a JSON text: it may have forms
 * that a constraint does not allow. Between two numbers or names, a space remains. */
function withoutWhitespace(json: string): string {
  return json.replace(
    /("(?:[^"\\]|\\.)*"?)|(?<=([\w.+-])?)[ \t\n\r]+(?=([\w.+-])?)/g,
    (_, string?: string, before?: string, after?: string) =>
      string ?? (before !== undefined && after !== undefined ? " " : ""),
  );
}

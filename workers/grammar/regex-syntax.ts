import { parse, type RootNode } from "regjsparser";
import {
  isTooDeep,
  nestedTooDeeply,
  shorten,
  unsupportedConstraint,
} from "./errors";

const FEATURES = {
  namedGroups: true,
  lookbehind: true,
  unicodePropertyEscape: true,
  unicodeSet: true,
  modifiers: true,
} as const;

export type RegexNode = RootNode<typeof FEATURES>;
export type RegexNodeOf<Type extends RegexNode["type"]> = Extract<
  RegexNode,
  { type: Type }
>;

/** A part of a pattern that matches one character. */
export type CharacterNode =
  | RegexNodeOf<
      | "value"
      | "dot"
      | "characterClass"
      | "characterClassEscape"
      | "unicodePropertyEscape"
    >
  | RegexNodeOf<"characterClass">["body"][number];

export function parseRegex(source: string, flags: string): RegexNode {
  try {
    // Throws what the browser says about an invalid pattern.
    new RegExp(source, flags);
    return parse(source, flags.replace(/[dgy]/g, ""), FEATURES);
  } catch (error) {
    if (isTooDeep(error)) throw nestedTooDeeply(error);
    const short = shorten(source);
    // The browser's message contains the pattern.
    const why = String(error).replaceAll(source, () => short);
    throw unsupportedConstraint(
      `/${short}/${flags} is not a valid regular expression: ${why}`,
      error,
    );
  }
}

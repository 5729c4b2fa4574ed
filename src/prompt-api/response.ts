import { parseConstraint } from "../shared/constraint";
import { asDomException } from "./errors";
import type { PromptMessages } from "./messages";
import type { LanguageModelPromptOptions } from "./types";

/** Undefined for none; throws TypeError for no object, `NotSupportedError` for
 * what is no constraint. */
export function readConstraint({
  responseConstraint: constraint,
}: LanguageModelPromptOptions): object | undefined {
  if (constraint === undefined) return undefined;
  if (typeof constraint !== "object" || (constraint as unknown) === null) {
    throw new TypeError("responseConstraint must be an object.");
  }
  try {
    parseConstraint(constraint);
  } catch (error) {
    throw asDomException(error);
  }
  return constraint;
}

/** With the constraint in words at the end of the last question. */
export function explained(
  input: PromptMessages,
  constraint: object,
): PromptMessages {
  const words =
    constraint instanceof RegExp
      ? `Answer only with a text that matches ${String(constraint)}.`
      : `Answer only with JSON of this schema: ${JSON.stringify(constraint)}`;
  const at = input.turns.findLastIndex(({ role }) => role === "user");
  const asked = input.turns[at];
  if (asked === undefined) {
    const added = { role: "user", text: words, images: [] } as const;
    return { ...input, turns: [...input.turns, added] };
  }
  const text = asked.text === "" ? words : `${asked.text}\n${words}`;
  return { ...input, turns: input.turns.with(at, { ...asked, text }) };
}

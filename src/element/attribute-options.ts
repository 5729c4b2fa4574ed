import type { OptionRule } from "../shared/options";
import type { FastVlmAttributes } from "./attributes";

type Rules<K extends keyof FastVlmAttributes> = Readonly<Record<K, OptionRule>>;

/** Names of the options in `rules`, each of which the element must have. */
export function optionNames<K extends keyof FastVlmAttributes>(
  rules: Rules<K>,
): K[] {
  return Object.keys(rules) as K[];
}

/** The element's values of the options in `rules`; the session checks them. */
export function optionsOf<K extends keyof FastVlmAttributes>(
  element: FastVlmAttributes,
  rules: Rules<K>,
): Pick<FastVlmAttributes, K> {
  const entries = optionNames(rules).map((name) => [name, element[name]]);
  return Object.fromEntries(entries) as Pick<FastVlmAttributes, K>;
}

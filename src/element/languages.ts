import { VlmError } from "../shared/errors";
import { english, type Messages } from "./messages";

/** Fetched by the first element that speaks it. */
const others: Readonly<Record<string, () => Promise<Messages>>> = {
  de: async () => (await import("./messages-de")).german,
};

const known = new Map([["en", english]]);
const asked = new Set<string>();
const listeners = new Set<() => void>();

/** Teaches all elements a language, or better words in one they know. */
export function addMessages(words: Messages): void {
  const { lang } = words;
  try {
    Intl.getCanonicalLocales(lang);
  } catch (thrown) {
    throw new VlmError(
      "bad-option",
      `“${lang}” is no language.`,
      "Give its tag, such as en or pt-BR.",
      { cause: thrown },
    );
  }
  known.set(lang.toLowerCase(), { ...english, ...words });
  for (const listener of listeners) listener();
}

/** The words for a language or, until they are there, English ones. */
export function messagesFor(language: string): Messages {
  const tag = language.toLowerCase();
  const primary = tag.replace(/-.*/, "");
  const found = known.get(tag) ?? known.get(primary);
  if (found) return found;
  const fetch = others[primary];
  if (fetch && !asked.has(primary)) {
    asked.add(primary);
    // Without the network it stays with English.
    fetch().then(addMessages, () => asked.delete(primary));
  }
  return english;
}

/**
 * Calls `listener` when a language is added, and when that of `element` may be
 * another, until the end of `signal`.
 */
export function onMessagesAdded(
  element: Element,
  listener: () => void,
  signal: AbortSignal,
): void {
  listeners.add(listener);
  const observer = new MutationObserver(listener);
  for (let at: Element | undefined = element; at; at = hostOf(at)) {
    const around = at.getRootNode();
    observer.observe(around, { subtree: true, attributeFilter: ["lang"] });
  }
  signal.addEventListener("abort", () => {
    listeners.delete(listener);
    observer.disconnect();
  });
}

/** As HTML has it: the nearest `lang`, of the host outside a shadow. */
export function languageOf(element: Element): string {
  const said = element.closest("[lang]");
  if (said) return said.getAttribute("lang") ?? "";
  const host = hostOf(element);
  return host ? languageOf(host) : "";
}

function hostOf(element: Element): Element | undefined {
  return (element.getRootNode() as Partial<ShadowRoot>).host;
}

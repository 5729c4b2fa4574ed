import { badOption } from "../shared/errors";
import { english, type Texts } from "./texts";

/** Translations that are imported when the first element needs them. */
const translations: Readonly<Record<string, () => Promise<Texts>>> = {
  de: async () => (await import("./texts-de")).german,
};

const known = new Map([["en", english]]);
const requested = new Set<string>();
const listeners = new Set<() => void>();

/** Adds or replaces the UI texts of one language, for all elements. Missing
 * texts stay English. Throws `bad-option` for an invalid language tag. */
export function addTexts(texts: Texts): void {
  const { lang } = texts;
  try {
    Intl.getCanonicalLocales(lang);
  } catch (cause) {
    throw badOption(
      `“${lang}” is not a language tag.`,
      "Use a BCP 47 tag, such as en or pt-BR.",
      { cause },
    );
  }
  known.set(lang.toLowerCase(), { ...english, ...texts });
  for (const listener of listeners) listener();
}

/** The UI texts of a language, or the English ones until they are imported. */
export function textsFor(language: string): Texts {
  const tag = language.toLowerCase();
  const primary = tag.replace(/-.*/, "");
  const found = known.get(tag) ?? known.get(primary);
  if (found) return found;
  const load = translations[primary];
  if (load && !requested.has(primary)) {
    requested.add(primary);
    // A failed import leaves English and is tried again.
    load().then(addTexts, () => requested.delete(primary));
  }
  return english;
}

/** Calls `listener` when texts are added and when the language of `element`
 * may have changed, until `signal` aborts. */
export function onTextsChange(
  element: Element,
  listener: () => void,
  signal: AbortSignal,
): void {
  listeners.add(listener);
  const observer = new MutationObserver(listener);
  for (let at: Element | undefined = element; at; at = hostOf(at)) {
    const root = at.getRootNode();
    observer.observe(root, { subtree: true, attributeFilter: ["lang"] });
  }
  signal.addEventListener("abort", () => {
    listeners.delete(listener);
    observer.disconnect();
  });
}

/** The nearest `lang` attribute, across shadow roots; else "". */
export function languageOf(element: Element): string {
  const nearest = element.closest("[lang]");
  if (nearest) return nearest.getAttribute("lang") ?? "";
  const host = hostOf(element);
  return host ? languageOf(host) : "";
}

function hostOf(element: Element): Element | undefined {
  return (element.getRootNode() as Partial<ShadowRoot>).host;
}

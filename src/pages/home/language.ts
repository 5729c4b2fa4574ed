import type { Language } from "./page";

/** The first language of the visitor that the page has; else English. */
export function preferredLanguage(
  preferences: readonly string[] = navigator.languages,
): Language {
  for (const preference of preferences) {
    const language = asLanguage(preference.split("-")[0]);
    if (language) return language;
  }
  return "en";
}

/** The language of this name, if the page has it. */
export function asLanguage(
  name: string | null | undefined,
): Language | undefined {
  return name === "en" || name === "de" ? name : undefined;
}

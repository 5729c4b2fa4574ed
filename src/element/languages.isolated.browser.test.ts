import { afterEach, expect, test, vi } from "vitest";
import { addTexts, languageOf, onTextsChange, textsFor } from "./languages";
import { english } from "./texts";

afterEach(() => document.documentElement.removeAttribute("lang"));

test.each(["en", "en-GB", "EN", "", "x-unknown"])("%o is English", (tag) => {
  expect(textsFor(tag)).toBe(english);
});

test("German is imported when it is first needed, and listeners are called", async () => {
  const listener = vi.fn();
  const listening = new AbortController();
  onTextsChange(document.body, listener, listening.signal);
  expect(textsFor("de-AT").lang).toBe("en");
  await vi.waitFor(() => expect(listener).toHaveBeenCalledOnce());
  expect(textsFor("de-AT").cancel).toBe("Abbrechen");
  listening.abort();
  addTexts({ ...english, lang: "fr", cancel: "Annuler" });
  expect(listener).toHaveBeenCalledOnce();
  expect(textsFor("fr-CA").cancel).toBe("Annuler");
});

test("missing texts stay English", () => {
  const some = { lang: "it", start: "Avvia" };
  addTexts(some as typeof english);
  expect(textsFor("it")).toMatchObject({ start: "Avvia", stop: "Stop" });
});

test("languageOf finds the nearest lang attribute across shadow roots", () => {
  const outer = document.createElement("div");
  const inner = document.createElement("p");
  outer.attachShadow({ mode: "open" }).append(inner);
  document.body.append(outer);
  expect(languageOf(inner)).toBe("");
  document.documentElement.lang = "fr";
  expect(languageOf(inner)).toBe("fr");
  outer.lang = "de";
  expect(languageOf(inner)).toBe("de");
  inner.lang = "en-GB";
  expect(languageOf(inner)).toBe("en-GB");
  outer.remove();
});

test("addTexts rejects an invalid language tag with bad-option", () => {
  expect(() => addTexts({ ...english, lang: "no_such" })).toThrow(
    expect.objectContaining({ code: "bad-option" }),
  );
});

import { afterEach, expect, test, vi } from "vitest";
import {
  addMessages,
  languageOf,
  onMessagesChange,
  messagesFor,
} from "./languages";
import { english } from "./messages";

afterEach(() => document.documentElement.removeAttribute("lang"));

test.each(["en", "en-GB", "EN", "", "x-unknown"])("%o is English", (tag) => {
  expect(messagesFor(tag)).toBe(english);
});

test("German is imported when it is first needed, and listeners are called", async () => {
  const listener = vi.fn();
  const listening = new AbortController();
  onMessagesChange(document.body, listener, listening.signal);
  expect(messagesFor("de-AT").lang).toBe("en");
  await vi.waitFor(() => expect(listener).toHaveBeenCalledOnce());
  expect(messagesFor("de-AT").cancel).toBe("Abbrechen");
  listening.abort();
  addMessages({ ...english, lang: "fr", cancel: "Annuler" });
  expect(listener).toHaveBeenCalledOnce();
  expect(messagesFor("fr-CA").cancel).toBe("Annuler");
});

test("missing texts stay English", () => {
  const some = { lang: "it", start: "Avvia" };
  addMessages(some as typeof english);
  expect(messagesFor("it")).toMatchObject({ start: "Avvia", stop: "Stop" });
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

test("addMessages rejects an invalid language tag with bad-option", () => {
  expect(() => addMessages({ ...english, lang: "no_such" })).toThrow(
    expect.objectContaining({ code: "bad-option" }),
  );
});

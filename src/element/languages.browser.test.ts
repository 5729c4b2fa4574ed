import { afterEach, expect, test, vi } from "vitest";
import {
  addMessages,
  languageOf,
  onMessagesAdded,
  messagesFor,
} from "./languages";
import { english } from "./messages";

afterEach(() => document.documentElement.removeAttribute("lang"));

test.each(["en", "en-GB", "EN", "", "x-unknown"])("%o is English", (tag) => {
  expect(messagesFor(tag)).toBe(english);
});

test("German is fetched once asked for, and then told", async () => {
  const told = vi.fn();
  const listening = new AbortController();
  onMessagesAdded(document.body, told, listening.signal);
  expect(messagesFor("de-AT").lang).toBe("en");
  await vi.waitFor(() => expect(told).toHaveBeenCalledOnce());
  expect(messagesFor("de-AT").cancel).toBe("Abbrechen");
  listening.abort();
  addMessages({ ...english, lang: "fr", cancel: "Annuler" });
  expect(told).toHaveBeenCalledOnce();
  expect(messagesFor("fr-CA").cancel).toBe("Annuler");
});

test("words for less than all leave the others English", () => {
  const some = { lang: "it", start: "Avvia" };
  addMessages(some as typeof english);
  expect(messagesFor("it")).toMatchObject({ start: "Avvia", stop: "Stop" });
});

test("the language is the nearest one, through shadows", () => {
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

test("what is no language is refused", () => {
  expect(() => addMessages({ ...english, lang: "no_such" })).toThrow(
    expect.objectContaining({ code: "bad-option" }),
  );
});

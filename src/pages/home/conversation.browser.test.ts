import { afterEach, beforeEach, expect, test, vi } from "vitest";
import "../../element/define";
import type { FastVlmElement } from "../../index";
import { openDemo } from "../../testing/demo-page";
import type { FakeVlm, Script } from "../../testing/fake-worker";
import { setUpConversation } from "./conversation";
import { byId } from "./dom";
import { Page } from "./page";
import { sampleImage } from "./samples";

let vlm: FastVlmElement;
let fake: FakeVlm;
let page: Page;

beforeEach(() => localStorage.clear());
afterEach(() => {
  // Before removing the page, which it updates.
  vlm.dispose();
  document.body.replaceChildren();
});

/** The page with a still image in the stage, which is captioned once. */
async function open(
  script: Partial<Script> = {},
  questions = ["Describe the image.", "What is red?"],
): Promise<void> {
  ({ vlm, fake } = openDemo({ ...script, info: { questions } }));
  vlm.model = "nano";
  page = new Page(vlm, false);
  setUpConversation(page);
  vlm.source = "image";
  vlm.file = await sampleImage("star");
  await vlm.start();
  await vi.waitFor(() =>
    expect(byId("composer", HTMLElement).hidden).toBe(false),
  );
}

const list = (): HTMLElement => byId("conversation", HTMLElement);
const entries = (): HTMLElement[] => [
  ...list().querySelectorAll<HTMLElement>(".exchange"),
];
const textOf = (element: Element | null | undefined): string =>
  element?.textContent?.trim().replace(/\s+/g, " ") ?? "";
const field = (): HTMLInputElement => byId("question", HTMLInputElement);
const askButton = (): HTMLButtonElement => byId("ask", HTMLButtonElement);

function press(name: string, root: ParentNode = document): void {
  const found = [...root.querySelectorAll("button")].find(
    (button) => textOf(button) === name,
  );
  if (!found) throw new Error(`No button “${name}”.`);
  found.click();
}

/** Types a question and presses Enter. */
function type(question: string): void {
  field().value = question;
  field().form?.requestSubmit();
}

const answered = (count: number): Promise<void> =>
  vi.waitFor(() => {
    expect(entries()).toHaveLength(count);
    expect(entries().map(({ dataset }) => dataset["state"])).toEqual(
      Array.from({ length: count }, () => "done"),
    );
  });

test("nothing is shown before the first question", async () => {
  await open();
  expect(list().hidden).toBe(true);
});

test("shows questions and answers, newest first", async () => {
  await open();
  press("What is red?");
  await answered(1);
  type("  And now? ");
  expect(field().value).toBe("");
  await answered(2);
  const [second, first] = entries();
  expect(textOf(first?.querySelector("h3"))).toBe("What is red?");
  expect(textOf(second?.querySelector("h3"))).toBe("And now?");
  expect(textOf(first?.querySelector(".answer"))).toBe(
    "A red circle on a white background.",
  );
  expect(textOf(first?.querySelector(".note"))).toMatch(
    /^\d.* · [\d.]+\ss to the first word$/,
  );
  expect(first?.querySelector("img")?.src).toMatch(/^blob:/);
  expect(list().ariaLive).toBeNull();
});

test("the offered questions are about the picture, and stay while one is focused", async () => {
  await open({}, ["What color is the square?", "What now?"]);
  const offered = (): string[] =>
    [...document.querySelectorAll(".suggestions button")].map(textOf);
  const first = ["What color is the circle?", "What now?"];
  await vi.waitFor(() => expect(offered()).toEqual(first));
  document.querySelector<HTMLElement>(".suggestions button")?.focus();
  const text = "A blue star on a white background.";
  const detail = { ...page.caption, text };
  vlm.dispatchEvent(new CustomEvent("caption", { detail }));
  await Promise.resolve();
  expect(page.caption).toBe(detail);
  expect(offered()).toEqual(first);
  field().focus();
  page.update();
  const second = ["What color is the star?", "What now?"];
  await vi.waitFor(() => expect(offered()).toEqual(second));
});

test("a blank question is not asked", async () => {
  await open();
  const { length } = fake.asked;
  askButton().focus();
  type("  ");
  expect(document.activeElement).toBe(field());
  expect(field().value).toBe("");
  expect(fake.asked).toHaveLength(length);
  expect(list().hidden).toBe(true);
});

test("an answer is stopped, marked and asked again", async () => {
  await open({ pace: 50 });
  type("What is red?");
  await vi.waitFor(() => expect(textOf(askButton())).toBe("Stop"));
  await vi.waitFor(() => expect(entries()[0]?.textContent).toMatch(/A red/));
  const button = entries()[0]?.querySelector("button");
  button?.focus();
  press("Stop", list());
  await answered(1);
  expect(textOf(entries()[0]?.querySelector(".answer"))).toMatch(/^A red.*…$/);
  expect(textOf(entries()[0]?.querySelector(".cut"))).toBe("stopped");
  // The same button.
  expect(document.activeElement).toBe(button);
  expect(textOf(button)).toBe("Ask again");
  await vi.waitFor(() => expect(textOf(askButton())).toBe("Ask"));
  button?.click();
  await answered(2);
  expect(entries()[0]?.querySelector(".cut")).toBeNull();
});

test("another question ends the answer in progress", async () => {
  await open({ pace: 50 });
  type("First?");
  await vi.waitFor(() => expect(entries()[0]?.textContent).toMatch(/A red/));
  type("Second?");
  await answered(2);
  const marks = entries().map((entry) => textOf(entry.querySelector(".cut")));
  expect(marks).toEqual(["", "stopped"]);
});

test("a question is put back into the field, an answer is copied", async () => {
  await open();
  type("What is red?");
  await answered(1);
  press("Edit", list());
  expect(field().value).toBe("What is red?");
  expect(document.activeElement).toBe(field());
  const write = vi
    .spyOn(navigator.clipboard, "writeText")
    .mockResolvedValueOnce()
    .mockRejectedValueOnce(new Error("denied"));
  press("Copy", list());
  await vi.waitFor(() => expect(list().textContent).toMatch(/Copied/));
  expect(write).toHaveBeenCalledWith("A red circle on a white background.");
  press("Copied", list());
  await vi.waitFor(() => expect(list().textContent).toMatch(/Not copied/));
});

test("Clear needs two presses", async () => {
  await open();
  type("What is red?");
  await answered(1);
  const clear = byId("clear", HTMLButtonElement);
  clear.focus();
  clear.click();
  await vi.waitFor(() => expect(textOf(clear)).toBe("Press again to clear"));
  clear.blur();
  await vi.waitFor(() => expect(textOf(clear)).toBe("Clear"));
  clear.click();
  clear.click();
  await vi.waitFor(() => expect(list().hidden).toBe(true));
  expect(vlm.conversation).toEqual([]);
  expect(document.activeElement).toBe(field());
});

import html from "../../index.html?raw";
import type { FastVlmElement } from "../element/fast-vlm";
import { FakeVlm, fakeWorker, type Script } from "./fake-worker";

/** The page's own document in a test's, its element with a scripted worker. */
export function openDemo(script: Partial<Script> = {}): {
  vlm: FastVlmElement;
  fake: FakeVlm;
} {
  const { body } = new DOMParser().parseFromString(html, "text/html");
  document.body.replaceChildren(...body.children);
  const vlm = document.querySelector("fast-vlm");
  if (!vlm) throw new Error("The page has no <fast-vlm>.");
  const fake = new FakeVlm(script);
  vlm.worker = () => fakeWorker(fake);
  // A test runner takes `error` at the window for its own.
  vlm.addEventListener("error", (event) => event.stopPropagation());
  return { vlm, fake };
}

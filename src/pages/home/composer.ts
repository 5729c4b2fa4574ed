import { html } from "lit";
import { byId } from "./dom";
import { setUpRegion, type Page } from "./page";

/** Asks a question about the frame that is shown. */
export function setUpComposer(page: Page): void {
  const { vlm } = page;
  let asking: AbortController | undefined;
  const ask = async (question: string): Promise<void> => {
    const controller = new AbortController();
    asking = controller;
    page.update();
    try {
      await vlm.freeze();
      await vlm.ask(question, { signal: controller.signal });
    } catch {
      // The element shows the error.
    } finally {
      asking = undefined;
      page.update();
    }
  };
  const submit = (event: Event): void => {
    event.preventDefault();
    if (asking) {
      asking.abort();
      return;
    }
    const input = byId("question", HTMLInputElement);
    const question = input.value.trim();
    if (question) void ask(question);
    else input.focus();
  };
  setUpRegion(
    page,
    byId("composer", HTMLElement),
    () => html`
      <form class="beside" @submit=${submit}>
        <input
          id="question"
          type="text"
          autocomplete="off"
          aria-label=${page.texts.question}
          placeholder=${page.texts.question}
        />
        <button id="ask">
          ${asking ? page.texts.stopAnswer : page.texts.ask}
        </button>
      </form>
    `,
  );
}

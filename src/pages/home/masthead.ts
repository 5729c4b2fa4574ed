import { html } from "lit";
import { byId } from "./dom";
import { setUpRegion, type Language, type Page } from "./page";

const languages: readonly Language[] = ["en", "de"];

/** What the page is, which model runs, and the language. */
export function setUpMasthead(page: Page): void {
  const { vlm } = page;
  const choose = (language: Language): void => {
    page.language = language;
    page.languageChosen = true;
  };
  setUpRegion(page, byId("tagline", HTMLElement), () => {
    const { texts } = page;
    const name = vlm.info?.name ?? vlm.model;
    return html`${texts.tagline}
      <span id="model-name">${texts.model(name)}</span>`;
  });
  setUpRegion(
    page,
    byId("languages", HTMLElement),
    () =>
      html`${languages.map(
        (language) =>
          html`<button
            class="link"
            type="button"
            lang=${language}
            aria-pressed=${page.language === language}
            @click=${() => choose(language)}
          >
            ${language.toUpperCase()}
          </button>`,
      )}`,
  );
  page.onUpdate(() => {
    byId("languages", HTMLElement).ariaLabel = page.texts.language;
  });
}

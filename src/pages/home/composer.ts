import { html, nothing } from "lit";
import { byId } from "./dom";
import { setUpRegion, type Page } from "./page";
import type { Questioner } from "./questioner";
import { questionsAbout } from "./scene-questions";

export interface Composer {
  /** Puts a question into the field. */
  edit(question: string): void;
}

/** Asks a question: of the visitor's own, or one that the model can answer. */
export function setUpComposer(page: Page, questioner: Questioner): Composer {
  const { vlm } = page;
  const root = byId("composer", HTMLElement);
  const field = (): HTMLInputElement => byId("question", HTMLInputElement);

  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const question = field().value.trim();
    field().value = "";
    if (!question) {
      field().focus();
      return;
    }
    void questioner.ask(question);
  };
  const press = (event: Event): void => {
    if (!questioner.asking) return;
    // The button is “Stop”; Enter in the field still asks.
    event.preventDefault();
    questioner.stop();
  };

  /** The last complete caption of what is open. */
  let description = "";
  let questions: readonly string[] = [];
  vlm.addEventListener("caption", ({ detail: { kind, finish, text } }) => {
    if (kind === "caption" && finish === "stop") description = text;
  });
  const updateQuestions = (): void => {
    if (!page.caption) description = "";
    // A press must not meet another question than the one that it was aimed at.
    const isAimedAt = root.querySelector(
      ".suggestions:is(:hover, :focus-within)",
    );
    if (isAimedAt) return;
    questions = questionsAbout(description, vlm.info?.questions ?? []);
  };

  setUpRegion(page, root, () => {
    const { conversation: texts } = page.texts.panels;
    updateQuestions();
    const { asking } = questioner;
    return html`
      <form class="question" @submit=${submit}>
        <label class="unseen" for="question">${texts.question}</label>
        <input
          id="question"
          type="text"
          autocomplete="off"
          enterkeyhint="send"
          placeholder=${texts.placeholder}
        />
        <button
          id="ask"
          class=${asking ? "" : "primary"}
          type=${asking ? "button" : "submit"}
          @click=${press}
        >
          ${asking ? texts.stop : texts.ask}
        </button>
      </form>
      ${
        questions.length > 0
          ? html`<ul class="suggestions" aria-label=${texts.questions}>
              ${questions.map(
                (question) =>
                  html`<li>
                    <button
                      type="button"
                      lang="en"
                      @click=${() => void questioner.ask(question)}
                    >
                      ${question}
                    </button>
                  </li>`,
              )}
            </ul>`
          : nothing
      }
    `;
  });
  // The page comes from the back/forward cache.
  addEventListener("pageshow", ({ persisted }) => {
    if (persisted) field().value = "";
  });
  // Hidden, so that a question that was typed is kept.
  page.onUpdate(() => {
    root.hidden = !page.shows || page.opening;
  });

  return {
    edit: (question) => {
      field().value = question;
      field().focus();
      field().select();
    },
  };
}

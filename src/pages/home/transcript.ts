import { html, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import type { ConversationEntry } from "../../index";
import type { Composer } from "./composer";
import { Copier } from "./copier";
import { byId } from "./dom";
import { secondsText } from "./number-text";
import { setUpRegion, type Page } from "./page";
import type { PanelTexts } from "./panel-texts";
import type { Questioner } from "./questioner";
import { saveFile } from "./save-file";
import { ThumbnailUrls } from "./thumbnail-urls";
import {
  answerText,
  transcriptJson,
  transcriptMarkdown,
} from "./transcript-export";

/** The questions and answers, newest first. It is no live region, because the
 * element announces each answer. */
export function setUpTranscript(
  page: Page,
  questioner: Questioner,
  composer: Composer,
): void {
  const { vlm } = page;
  const root = byId("conversation", HTMLElement);
  const copier = new Copier(() => page.update());
  const urls = new ThumbnailUrls();
  let withThumbnails = false;
  /** “Clear” was pressed once. */
  let clearing = false;

  const clear = (): void => {
    if (!clearing) {
      clearing = true;
      page.update();
      return;
    }
    clearing = false;
    questioner.stop();
    vlm.clearConversation();
    byId("question", HTMLInputElement).focus();
  };
  const keep = (): void => {
    clearing = false;
    page.update();
  };
  const exported = (): Parameters<typeof transcriptJson>[0] => ({
    entries: vlm.conversation,
    model: vlm.info?.name ?? vlm.model,
    withThumbnails,
  });
  const saveJson = async (): Promise<void> => {
    const text = await transcriptJson(exported());
    saveFile("conversation.json", "application/json", text);
  };
  const saveMarkdown = async (): Promise<void> => {
    const text = await transcriptMarkdown(exported(), page.texts.panels);
    saveFile("conversation.md", "text/markdown", text);
  };

  const toolbar = ({ conversation: texts }: PanelTexts): TemplateResult => html`
    <div class="transcript-tools">
      <h2 id="transcript-title">${texts.title}</h2>
      <details class="menu">
        <summary>${texts.export}</summary>
        <div class="menu-items">
          <label class="tick"
            ><input
              type="checkbox"
              .checked=${withThumbnails}
              @change=${(event: Event) => {
                withThumbnails = (event.target as HTMLInputElement).checked;
              }}
            /><span>${texts.withThumbnails}</span></label
          >
          <button class="small" type="button" @click=${saveJson}>JSON</button>
          <button class="small" type="button" @click=${saveMarkdown}>
            Markdown
          </button>
        </div>
      </details>
      <button
        id="clear"
        class="link"
        type="button"
        @click=${clear}
        @blur=${keep}
      >
        ${clearing ? texts.clearAgain : texts.clear}
      </button>
    </div>
  `;

  const item = (entry: ConversationEntry): TemplateResult => {
    const { lang, conversation: texts } = page.texts.panels;
    const { id, question, answer, thumbnail, state } = entry;
    const title = `question-${id}`;
    const answering = state === "answering";
    const again = (): void => {
      if (answering) questioner.stop();
      else void questioner.ask(question);
    };
    return html`
      <li class="exchange" data-state=${state} aria-labelledby=${title}>
        ${
          thumbnail
            ? html`<img src=${urls.get(thumbnail)} alt=${texts.thumbnail} />`
            : html`<span class="no-image"></span>`
        }
        <div class="exchange-text">
          <h3 id=${title}>${question}</h3>
          ${
            answer
              ? html`<p class="answer" lang="en">${answerText(entry)}</p>`
              : nothing
          }
          ${remark(entry, texts)}
          <p class="note">${measurements(entry, lang, texts)}</p>
          <div class="exchange-actions">
            <button
              class="link"
              type="button"
              aria-describedby=${title}
              ?disabled=${!answering && !page.shows}
              @click=${again}
            >
              ${answering ? texts.stop : texts.askAgain}
            </button>
            <button
              class="link"
              type="button"
              aria-describedby=${title}
              ?disabled=${!page.shows}
              @click=${() => composer.edit(question)}
            >
              ${texts.edit}
            </button>
            ${
              answer
                ? html`<button
                    class="link"
                    type="button"
                    aria-describedby=${title}
                    @click=${() => void copier.copy(String(id), answer)}
                  >
                    ${copier.textFor(String(id), texts)}
                  </button>`
                : nothing
            }
          </div>
        </div>
      </li>
    `;
  };

  setUpRegion(page, root, () => {
    const { conversation } = vlm;
    urls.keepOnly(conversation.map(({ thumbnail }) => thumbnail));
    if (conversation.length === 0) return nothing;
    const newestFirst = [...conversation].reverse();
    return html`
      ${toolbar(page.texts.panels)}
      <ol class="exchanges" reversed aria-labelledby="transcript-title">
        ${repeat(newestFirst, ({ id }) => id, item)}
      </ol>
    `;
  });
  page.onUpdate(() => {
    root.hidden = vlm.conversation.length === 0;
  });
  vlm.addEventListener("conversationchange", () => page.update());
}

/** Why there is no answer, or not the whole. */
function remark(
  { state, answer, finish, error }: ConversationEntry,
  texts: PanelTexts["conversation"],
): TemplateResult | typeof nothing {
  if (error) {
    return html`<p class="failure" lang="en">
      ${error.message} ${error.advice}
    </p>`;
  }
  if (state === "answering") {
    return answer ? nothing : html`<p class="note">${texts.waiting}</p>`;
  }
  if (finish === "stop" || finish === undefined) return nothing;
  const reason = finish === "abort" ? texts.stopped : texts.cutOff;
  return html`<p class="note cut">${reason}</p>`;
}

function measurements(
  { time, timings }: ConversationEntry,
  lang: string,
  { firstWord }: PanelTexts["conversation"],
): TemplateResult {
  const date = new Date(time);
  const clock = date.toLocaleTimeString(lang, { timeStyle: "short" });
  const ttft = timings?.ttft;
  return html`<time datetime=${date.toISOString()}>${clock}</time>${
      ttft === undefined ? nothing : ` · ${firstWord(secondsText(ttft, lang))}`
    }`;
}

import { html, nothing, type TemplateResult } from "lit";
import type { FastVlmElement } from "../../index";
import { hasChoices } from "./address";
import { byId } from "./dom";
import { setUpRegion, type Page } from "./page";
import { resetButton } from "./reset-button";
import { selectOptions } from "./select-options";

const fits = ["letterbox", "crop", "stretch"] as const;
const promptStyles = ["reference", "demo"] as const;

/** Image and prompt options, which apply from the next frame on. */
export function setUpImageOptions(page: Page): void {
  const { vlm } = page;

  const setPrompt = ({ target }: Event): void => {
    const input = target as HTMLInputElement;
    if (input.value.trim()) vlm.prompt = input.value;
    else input.value = vlm.prompt;
  };

  setUpRegion(page, byId("image-content", HTMLElement), () => {
    const { image: texts } = page.texts.panels;
    return html`
      <label class="field"
        >${texts.prompt}<input
          id="prompt"
          type="text"
          autocomplete="off"
          .value=${vlm.prompt}
          @change=${setPrompt}
      /></label>
      <label class="field"
        >${texts.size}<select
          id="size"
          @change=${(event: Event) => {
            vlm.size = Number((event.target as HTMLSelectElement).value);
          }}
        >
          ${sizeOptions(page)}
        </select></label
      >
      <p id="size-note" class="note">${sizeNote(page)}</p>
      <div class="pair even">
        <label class="field"
          >${texts.fit}<select
            id="fit"
            @change=${(event: Event) => {
              const { value } = event.target as HTMLSelectElement;
              vlm.fit = value as FastVlmElement["fit"];
            }}
          >
            ${selectOptions(
              fits.map((fit) => [fit, texts.fits[fit]] as const),
              vlm.fit,
            )}
          </select></label
        >
        <label class="field"
          >${texts.promptStyle}<select
            id="style"
            @change=${(event: Event) => {
              vlm.promptStyle = (event.target as HTMLSelectElement).value;
            }}
          >
            ${selectOptions(
              promptStyles.map(
                (style) => [style, texts.promptStyles[style]] as const,
              ),
              vlm.promptStyle,
            )}
          </select></label
        >
      </div>
      <div class="beside">
        <p>
          <label for="background">${texts.background}</label>
          <span class="note">${texts.backgroundHint}</span>
        </p>
        <input
          id="background"
          type="color"
          .value=${toHex(vlm.background)}
          @input=${(event: Event) => {
            const { value } = event.target as HTMLInputElement;
            vlm.background = value === "#ffffff" ? "white" : value;
          }}
        />
      </div>
      <label class="tick"
        ><input
          id="anyres"
          type="checkbox"
          .checked=${vlm.anyres}
          @change=${(event: Event) => {
            vlm.anyres = (event.target as HTMLInputElement).checked;
          }}
        /><span>${texts.anyres}</span></label
      >
      ${hasChoices(page) ? resetButton(page) : nothing}
    `;
  });
}

/** The sizes that the model was trained for, and one that the address chooses. */
function sizeOptions({ vlm, texts }: Page): TemplateResult[] {
  const { pixels, modelSize } = texts.panels.image;
  const { info, size } = vlm;
  const chosen = size || info?.size || 0;
  const sizes = new Set([...(info?.sizes ?? [0]), chosen]);
  return selectOptions(
    [...sizes]
      .sort((a, b) => a - b)
      .map((it) => [String(it), it === 0 ? modelSize : pixels(it)] as const),
    String(chosen),
  );
}

function sizeNote({ vlm, texts }: Page): string {
  const { lang, image } = texts.panels;
  const { info } = vlm;
  const chosen = vlm.size || info?.size;
  // The element reports a size that is no multiple of 64 when it starts.
  if (!chosen || chosen % 64 !== 0) return "";
  const tokens = (chosen / 64) ** 2 * (vlm.anyres ? 5 : 1);
  const parts = [image.tokens(tokens.toLocaleString(lang))];
  if (info) parts.push(image.trained(info.name, info.size));
  if (info && chosen !== info.size) parts.push(image.otherSize);
  return parts.join(" ");
}

/** A colour as a color input needs it: `#rrggbb`. */
function toHex(background: string): string {
  if (background === "white") return "#ffffff";
  if (background === "black") return "#000000";
  return background.length === 4
    ? background.replace(/[^#]/g, "$&$&")
    : background;
}

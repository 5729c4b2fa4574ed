import { html, render, type TemplateResult } from "lit";
import type { StoredModel } from "../../index";
import { formatBytes } from "../../shared/format";
import { byId } from "./dom";
import type { Page } from "./page";
import type { PanelTexts } from "./panel-texts";

/** Lists and deletes the stored models. */
export function setUpStorage(page: Page): void {
  const { vlm } = page;
  const panel = byId("stored", HTMLDetailsElement);
  const root = byId("stored-content", HTMLElement);
  const total = byId("stored-bytes", HTMLElement);
  let models: readonly StoredModel[] = [];

  const update = async (): Promise<void> => {
    models = await vlm.stored();
    show();
  };
  /** Keeps the old list if the new one cannot be read. */
  const refresh = (): void => void update().catch(() => undefined);

  const remove = async (model: StoredModel): Promise<void> => {
    await vlm.removeStored(model.key);
    await update();
    const next = panel.hidden ? byId("model-panel", HTMLDetailsElement) : panel;
    next.querySelector("summary")?.focus();
  };
  const row = (model: StoredModel): TemplateResult => {
    const { stored: texts } = page.texts.panels;
    return html`
      <li>
        <span class="stored-name">${model.name}</span>
        <span class="stored-size">${sizeText(model, page.texts.panels)}</span>
        <button
          class="small"
          type="button"
          aria-label=${texts.deleteModel(model.name)}
          @click=${() => void remove(model).catch(refresh)}
        >
          ${texts.delete}
        </button>
      </li>
    `;
  };
  const show = (): void => {
    panel.hidden = models.length === 0;
    total.textContent = formatBytes(bytesOf(models), page.texts.panels.lang);
    render(
      html`<ul id="stored-list" class="stored">
        ${models.map(row)}
      </ul>`,
      root,
    );
  };

  vlm.addEventListener("ready", refresh);
  vlm.addEventListener("statechange", ({ detail }) => {
    if (detail.previous === "loading") refresh();
  });
  panel.addEventListener("toggle", () => {
    if (panel.open) refresh();
  });
  page.onUpdate(show);
}

/** Bytes on disk; files that models share count once. */
function bytesOf(models: readonly StoredModel[]): number {
  const sizes = new Map<string, number>();
  for (const { key, files } of models) {
    for (const { path, sha256, kept: bytes } of files) {
      sizes.set(sha256 ?? `${key} ${path}`, bytes);
    }
  }
  return [...sizes.values()].reduce((sum, bytes) => sum + bytes, 0);
}

function sizeText(
  { bytes, files }: StoredModel,
  { lang, stored: texts }: PanelTexts,
): string {
  const amount = formatBytes(bytes, lang);
  // A model that was only inspected has no graphs.
  const hasGraphs = files.some(({ path }) => path.startsWith("onnx/"));
  if (!hasGraphs) return texts.metadataOnly(amount);
  const whole = files.reduce((sum, file) => sum + file.bytes, 0);
  const part = files.reduce((sum, file) => sum + file.kept, 0);
  return part < whole ? texts.incomplete(amount) : amount;
}

import { html, render } from "lit";
import {
  formatBytes,
  type FastVlmElement,
  type StoredModel,
} from "../../index";
import { byId, setText } from "./dom";

/** The models kept in this browser, each to be deleted. */
export function setUpKept(vlm: FastVlmElement): void {
  const details = byId("kept", HTMLDetailsElement);
  const list = byId("kept-list", HTMLUListElement);
  const choice = byId("model", HTMLSelectElement);

  const update = async (): Promise<void> => {
    const models = await vlm.stored();
    details.hidden = models.length === 0;
    setText("kept-bytes", formatBytes(bytesOf(models)));
    render(models.map(row), list);
  };
  /** A list that cannot be read is an old one, and no failure to show. */
  const refresh = (): void => void update().catch(() => undefined);

  const remove = async (model: StoredModel): Promise<void> => {
    await vlm.removeStored(model.key);
    await update();
    const next = details.hidden ? choice : details.querySelector("summary");
    next?.focus();
  };
  const row = (model: StoredModel): unknown => html`
    <li>
      <span class="kept-name">${model.name}</span>
      <span class="kept-size">${sizeText(model)}</span>
      <button
        class="small"
        type="button"
        aria-label=${`Delete ${model.name}`}
        @click=${() => void remove(model).catch(refresh)}
      >
        Delete
      </button>
    </li>
  `;

  vlm.addEventListener("ready", refresh);
  vlm.addEventListener("statechange", ({ detail }) => {
    if (detail.previous === "loading") refresh();
  });
  details.addEventListener("toggle", () => {
    if (details.open) refresh();
  });
}

/** On disk: files that models share are there once. */
function bytesOf(models: readonly StoredModel[]): number {
  const kept = new Map<string, number>();
  for (const { key, files } of models) {
    for (const { path, sha256, kept: bytes } of files) {
      kept.set(sha256 ?? `${key} ${path}`, bytes);
    }
  }
  return [...kept.values()].reduce((sum, bytes) => sum + bytes, 0);
}

function sizeText({ bytes, files }: StoredModel): string {
  // What was looked at and not loaded has its small files here.
  const begun = files.some(({ path }) => path.startsWith("onnx/"));
  if (!begun) return `${formatBytes(bytes)}, its description only`;
  const whole = files.reduce((sum, file) => sum + file.bytes, 0);
  const part = files.reduce((sum, file) => sum + file.kept, 0);
  return part < whole ? `${formatBytes(bytes)}, a part` : formatBytes(bytes);
}

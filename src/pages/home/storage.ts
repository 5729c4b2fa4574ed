import { html, render } from "lit";
import type { FastVlmElement, StoredModel } from "../../index";
import { formatBytes } from "../../shared/format";
import { byId, setText } from "./dom";

/** Lists and deletes the stored models. */
export function setUpStorage(vlm: FastVlmElement): void {
  const details = byId("stored", HTMLDetailsElement);
  const list = byId("stored-list", HTMLUListElement);
  const models = byId("model-panel", HTMLDetailsElement);

  const update = async (): Promise<void> => {
    const stored = await vlm.stored();
    details.hidden = stored.length === 0;
    setText("stored-bytes", formatBytes(bytesOf(stored)));
    render(stored.map(row), list);
  };
  /** Keeps the old list if the new one cannot be read. */
  const refresh = (): void => void update().catch(() => undefined);

  const remove = async (model: StoredModel): Promise<void> => {
    await vlm.removeStored(model.key);
    await update();
    const next = details.hidden ? models : details;
    next.querySelector("summary")?.focus();
  };
  const row = (model: StoredModel): unknown => html`
    <li>
      <span class="stored-name">${model.name}</span>
      <span class="stored-size">${sizeText(model)}</span>
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

function sizeText({ bytes, files }: StoredModel): string {
  // A model that was only inspected has no graphs.
  const hasGraphs = files.some(({ path }) => path.startsWith("onnx/"));
  if (!hasGraphs) return `${formatBytes(bytes)}, metadata only`;
  const whole = files.reduce((sum, file) => sum + file.bytes, 0);
  const part = files.reduce((sum, file) => sum + file.kept, 0);
  return part < whole
    ? `${formatBytes(bytes)}, incomplete`
    : formatBytes(bytes);
}

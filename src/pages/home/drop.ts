import { byId } from "./dom";
import { droppedFolder, readEntry } from "./folder";
import type { ModelPanel } from "./model-panel";
import type { Page } from "./page";
import type { Sources } from "./sources";

/** Accepts dropped and pasted files, and dropped model folders. */
export function setUpDrop(
  page: Page,
  sources: Sources,
  model: ModelPanel,
): void {
  const hint = byId("drop", HTMLDivElement);
  page.onUpdate(() => {
    hint.textContent = page.texts.drop;
  });
  const show = (event: DragEvent): void => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    hint.hidden = false;
  };
  document.addEventListener("dragenter", show);
  document.addEventListener("dragover", show);
  document.addEventListener("dragleave", ({ relatedTarget }) => {
    hint.hidden = relatedTarget === null;
  });
  document.addEventListener("drop", (event) => {
    hint.hidden = true;
    const folder = droppedFolder(event.dataTransfer?.items);
    const files = [...(event.dataTransfer?.files ?? [])];
    // Leave dropped text to the browser.
    if (!folder && files.length === 0) return;
    event.preventDefault();
    if (folder) readEntry(folder).then(model.open, model.fail);
    else sources.openFiles(files);
  });
  document.addEventListener("paste", ({ clipboardData }) => {
    sources.openFiles([...(clipboardData?.files ?? [])]);
  });
}

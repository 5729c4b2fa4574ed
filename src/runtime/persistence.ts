import type { ModelSource } from "../shared/models";

/**
 * Asks the browser not to delete a downloaded model when disk gets scarce. Only
 * a page may ask; the worker does the downloading. A no is no obstacle.
 */
export function askToPersist({ kind }: ModelSource): void {
  // Of a folder of this machine nothing is copied.
  if (kind === "folder" || !("storage" in navigator)) return;
  navigator.storage.persist().catch(() => undefined);
}

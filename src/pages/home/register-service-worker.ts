import type { FastVlmElement } from "../../index";

/**
 * Lets the page start with the network off, once a model has run on it. Only
 * the built page: in development every file is to be the newest.
 */
export function setUpOffline(vlm: FastVlmElement): void {
  if (!import.meta.env.PROD || !("serviceWorker" in navigator)) return;
  const keep = async (): Promise<void> => {
    const { serviceWorker } = navigator;
    await serviceWorker.register(new URL("sw.js", document.baseURI));
    const { active } = await serviceWorker.ready;
    active?.postMessage("keep-runtime");
  };
  vlm.addEventListener(
    "ready",
    // Refused, the page works as before, online.
    () => void keep().catch(() => undefined),
    { once: true },
  );
}

import type { FastVlmElement } from "../../index";

/**
 * Makes the page work offline after a model has been loaded. Only in builds, so that
 * development always uses current files.
 */
export function setUpOffline(vlm: FastVlmElement): void {
  if (!import.meta.env.PROD || !("serviceWorker" in navigator)) return;
  const register = async (): Promise<void> => {
    const { serviceWorker } = navigator;
    await serviceWorker.register(new URL("sw.js", document.baseURI));
    const { active } = await serviceWorker.ready;
    active?.postMessage("keep-runtime");
  };
  vlm.addEventListener(
    "ready",
    // Without it, the page works online only.
    () => void register().catch(() => undefined),
    { once: true },
  );
}

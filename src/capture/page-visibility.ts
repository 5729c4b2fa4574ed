import { now } from "../shared/clock";

/** Resolves once the page is visible, or when aborted. */
export function pageVisible(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const check = (): void => {
      if (document.hidden && !signal.aborted) return;
      document.removeEventListener("visibilitychange", check);
      signal.removeEventListener("abort", check);
      resolve();
    };
    document.addEventListener("visibilitychange", check);
    signal.addEventListener("abort", check);
    check();
  });
}

/** Resolves in the next animation frame, with its time; at once with `undefined` if
 * the page is hidden, since it is not painted then. */
export function animationFrame(): Promise<number | undefined> {
  return new Promise((resolve) => {
    const settle = (): void => {
      document.removeEventListener("visibilitychange", check);
      resolve(document.hidden ? undefined : now());
    };
    const check = (): void => {
      if (document.hidden) settle();
    };
    document.addEventListener("visibilitychange", check);
    requestAnimationFrame(settle);
    check();
  });
}

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

/** Milliseconds without an animation frame after which none is expected. */
const unpaintedAfter = 500;

/** Resolves in the next animation frame, with its time; with `undefined` if there is
 * none: the page is hidden, or in an iframe that the browser does not paint. */
export function animationFrame(): Promise<number | undefined> {
  return new Promise((resolve) => {
    const settle = (time?: number): void => {
      document.removeEventListener("visibilitychange", check);
      clearTimeout(timer);
      resolve(time);
    };
    const check = (): void => {
      if (document.hidden) settle();
    };
    document.addEventListener("visibilitychange", check);
    const timer = setTimeout(settle, unpaintedAfter);
    requestAnimationFrame(() => settle(document.hidden ? undefined : now()));
    check();
  });
}

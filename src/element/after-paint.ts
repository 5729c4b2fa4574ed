import { now } from "../shared/clock";

/**
 * Resolves with the time at which the current state of the document is on the
 * screen: the second animation frame starts after the first one is painted.
 * Resolves with `undefined` if the page is hidden, since it is not painted then.
 */
export function afterPaint(): Promise<number | undefined> {
  return new Promise((resolve) => {
    const onVisibility = (): void => {
      if (document.hidden) settle(undefined);
    };
    const settle = (time: number | undefined): void => {
      document.removeEventListener("visibilitychange", onVisibility);
      resolve(time);
    };
    document.addEventListener("visibilitychange", onVisibility);
    requestAnimationFrame(() => requestAnimationFrame(() => settle(now())));
    onVisibility();
  });
}

import { now } from "../shared/clock";

/**
 * The time at which what is in the document now has been painted: the second
 * animation frame begins after the first one was drawn. A hidden page paints
 * nothing: `undefined`.
 */
export function afterPaint(): Promise<number | undefined> {
  return new Promise((resolve) => {
    const hidden = (): void => {
      if (document.hidden) done(undefined);
    };
    const done = (time: number | undefined): void => {
      document.removeEventListener("visibilitychange", hidden);
      resolve(time);
    };
    document.addEventListener("visibilitychange", hidden);
    requestAnimationFrame(() => requestAnimationFrame(() => done(now())));
    hidden();
  });
}

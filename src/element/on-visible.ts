/** Calls `callback` once `element` is in the viewport, unless `signal` aborts
 * before. */
export function onVisible(
  element: Element,
  signal: AbortSignal,
  callback: () => void,
): void {
  const observer = new IntersectionObserver((entries) => {
    if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
    observer.disconnect();
    callback();
  });
  observer.observe(element);
  signal.addEventListener("abort", () => observer.disconnect());
}

/** Calls `then` once `element` is on the screen, unless `signal` ends before. */
export function onVisible(
  element: Element,
  signal: AbortSignal,
  then: () => void,
): void {
  const observer = new IntersectionObserver((entries) => {
    if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
    observer.disconnect();
    then();
  });
  observer.observe(element);
  signal.addEventListener("abort", () => observer.disconnect());
}

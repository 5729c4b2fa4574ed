import type { Page } from "./page";

/**
 * Keeps the height of the tallest live caption, so that the next ones, which grow word
 * by word, do not move the controls. Other captions are as tall as their text.
 */
export function setUpCaptionRoom(page: Page): void {
  const { vlm } = page;
  let width = 0;
  let room = 0;
  const update = (): void => {
    if (!vlm.open || vlm.frozen || vlm.error) room = 0;
    vlm.style.setProperty("--caption-room", `${room}px`);
  };
  const observer = new ResizeObserver((entries) => {
    for (const { contentRect } of entries) {
      room =
        contentRect.width === width ? Math.max(room, contentRect.height) : 0;
      width = contentRect.width;
    }
    update();
  });
  void vlm.updateComplete.then(() => {
    const caption = vlm.shadowRoot?.querySelector("[part=caption]");
    if (caption) observer.observe(caption);
  });
  page.onUpdate(update);
}

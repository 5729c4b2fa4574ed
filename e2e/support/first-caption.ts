/**
 * In the page: what its element says first, or why it says nothing. Nothing but
 * the page's own globals is there for it.
 */
export async function firstCaption(): Promise<string> {
  await customElements.whenDefined("fast-vlm");
  const element = document.querySelector("fast-vlm");
  return new Promise((resolve) => {
    element?.addEventListener("caption", ({ detail }) => {
      resolve(detail.text);
    });
    element?.addEventListener("error", ({ detail }) => {
      resolve(`${detail.code}: ${detail.message}`);
    });
  });
}

/**
 * Runs in the page: returns the element's first caption or error. It can use only
 * the page's globals.
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

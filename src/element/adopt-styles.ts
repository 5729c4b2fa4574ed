import type { CSSResult } from "lit";

const sheets = new WeakMap<Document, CSSStyleSheet>();

/** Adopts the element's styles: a constructed sheet belongs to one document, and
 * Lit's own belongs to the one it was imported in. */
export function adoptStyles(root: ShadowRoot, { cssText }: CSSResult): void {
  const { ownerDocument, adoptedStyleSheets } = root;
  let sheet = sheets.get(ownerDocument);
  if (!sheet) {
    // A document without a window renders nothing.
    if (!ownerDocument.defaultView) return;
    sheet = new ownerDocument.defaultView.CSSStyleSheet();
    sheet.replaceSync(cssText);
    sheets.set(ownerDocument, sheet);
  }
  if (!adoptedStyleSheets.includes(sheet)) adoptedStyleSheets.push(sheet);
}

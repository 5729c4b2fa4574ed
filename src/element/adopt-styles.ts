import type { CSSResult } from "lit";

/** A sheet is of one document. */
const sheets = new WeakMap<Document, Map<string, CSSStyleSheet>>();

/** Styles that come later, or again, as `root` is in another document. */
export function adoptStyles(root: ShadowRoot, { cssText }: CSSResult): void {
  const { ownerDocument, adoptedStyleSheets: worn } = root;
  const sheet = sheetOf(ownerDocument, cssText);
  if (sheet && !worn.includes(sheet)) worn.push(sheet);
}

function sheetOf(owner: Document, cssText: string): CSSStyleSheet | undefined {
  const made = sheets.get(owner) ?? new Map<string, CSSStyleSheet>();
  sheets.set(owner, made);
  const known = made.get(cssText);
  if (known) return known;
  // None: nobody sees that document.
  const view = owner.defaultView;
  if (!view) return undefined;
  const sheet = new view.CSSStyleSheet();
  sheet.replaceSync(cssText);
  made.set(cssText, sheet);
  return sheet;
}

import { LitElement } from "lit";
import { looking } from "./lazy";
import { styles } from "./styles";

/** Has its styles in every document: a style sheet is of one only. */
export class Dressed extends LitElement {
  /** @internal */
  static override styles = styles;

  protected override createRenderRoot(): HTMLElement | DocumentFragment {
    if (this.ownerDocument === document) return super.createRenderRoot();
    const root = this.attachShadow({ mode: "open" });
    this.adoptedCallback();
    return root;
  }

  /** Into another document, where the sheets it had are not. */
  adoptedCallback(): void {
    const root = this.shadowRoot;
    if (!root) return;
    looking().then(
      ({ adoptStyles }) => adoptStyles(root, styles),
      () => undefined,
    );
  }
}

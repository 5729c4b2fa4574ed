import { FastVlmAttributes } from "./attributes";

/** What a form sees of the element: a field whose value is the last caption. */
export class FormAssociatedElement extends FastVlmAttributes {
  static readonly formAssociated = true;
  protected readonly internals = this.attachInternals();
  #disabled = false;
  #value: string | null = null;

  /** The last complete caption, which a form gets; null: none yet. */
  get value(): string | null {
    return this.#value;
  }

  get form(): HTMLFormElement | null {
    return this.internals.form;
  }

  get labels(): NodeList {
    return this.internals.labels;
  }

  get type(): string {
    return this.localName;
  }

  /** @internal By itself, or by a fieldset around it. */
  get isDisabled(): boolean {
    return this.disabled || this.#disabled;
  }

  /** @internal A caption is complete; null: there is none any more. */
  captioned(text: string | null): void {
    this.#value = text;
    this.internals.setFormValue(text);
  }

  formDisabledCallback(disabled: boolean): void {
    this.#disabled = disabled;
    this.requestUpdate();
  }
}

interface CopyTexts {
  readonly copy: string;
  readonly copied: string;
  readonly copyFailed: string;
}

/** Copies texts. The button of the last one says whether that succeeded. */
export class Copier {
  readonly #changed: () => void;
  #last: { readonly key: string; readonly succeeded: boolean } | undefined;

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  /** `key` identifies the button. */
  async copy(key: string, text: string): Promise<void> {
    const succeeded = await navigator.clipboard.writeText(text).then(
      () => true,
      () => false,
    );
    this.#last = { key, succeeded };
    this.#changed();
  }

  textFor(key: string, { copy, copied, copyFailed }: CopyTexts): string {
    if (this.#last?.key !== key) return copy;
    return this.#last.succeeded ? copied : copyFailed;
  }
}

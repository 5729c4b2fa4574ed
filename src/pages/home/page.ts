import { render } from "lit";
import type { CaptionDetail, FastVlmElement } from "../../index";
import type { SampleName } from "./samples";
import { pageEnglish, type PageTexts } from "./texts";
import { pageGerman } from "./texts-de";

/** What the visitor opened. */
export type Looking =
  | { readonly kind: "camera" }
  | { readonly kind: "screen" }
  | { readonly kind: "file"; readonly file: File }
  | { readonly kind: "sample"; readonly sample: SampleName };

export type Language = "en" | "de";

const texts: Readonly<Record<Language, PageTexts>> = {
  en: pageEnglish,
  de: pageGerman,
};

/** The state that the regions of the page share. */
export class Page {
  readonly vlm: FastVlmElement;
  /** A program drives the page: nothing is loaded, opened or remembered by itself. */
  readonly manual: boolean;
  /** What is open; undefined in the start state. */
  looking: Looking | undefined;
  /** The last complete caption of what is open. */
  caption: CaptionDetail | undefined;
  /** What is open has shown a picture. */
  pictured = false;
  /** A remark about what was opened, such as files that were left out. */
  remark: ((texts: PageTexts) => string) | undefined;
  /** The live source that the start state offers first. */
  suggested: "camera" | "screen" = "camera";
  /** The language was chosen, by the visitor or in the address. */
  languageChosen = false;
  #language: Language = "en";
  readonly #listeners: (() => void)[] = [];
  #waiting = false;

  constructor(vlm: FastVlmElement, manual: boolean) {
    this.vlm = vlm;
    this.manual = manual;
    vlm.addController({ hostUpdated: () => this.update() });
    vlm.video.addEventListener("loadeddata", () => {
      this.pictured = true;
      this.update();
    });
    vlm.addEventListener("caption", ({ detail }) => {
      this.caption = detail;
      this.update();
    });
  }

  get texts(): PageTexts {
    return texts[this.#language];
  }

  get language(): Language {
    return this.#language;
  }

  /** Also the language of the document, which the element follows. */
  set language(language: Language) {
    this.#language = language;
    document.documentElement.lang = language;
    this.update();
  }

  /** The source is a live one that gives no picture, but may do so later. */
  get waits(): boolean {
    const { vlm } = this;
    return vlm.open && vlm.error?.code.startsWith("camera-") === true;
  }

  /** Something is to be seen in the stage. */
  get shows(): boolean {
    return this.vlm.frozen || (this.vlm.open && !this.waits);
  }

  /** The first picture of a live source is waited for, while the browser may ask the
   * visitor to allow it. */
  get opening(): boolean {
    return this.shows && !this.vlm.frozen && !this.pictured;
  }

  /** Calls `listener` now and after each change. */
  onUpdate(listener: () => void): void {
    this.#listeners.push(listener);
    listener();
  }

  /** Tells the regions that something changed; several changes at once are one. */
  update(): void {
    if (this.#waiting) return;
    this.#waiting = true;
    queueMicrotask(() => {
      this.#waiting = false;
      for (const listener of this.#listeners) listener();
    });
  }
}

/** Renders `template` into `root` on each update, first in place of the static HTML. */
export function setUpRegion(
  page: Page,
  root: HTMLElement,
  template: () => unknown,
): void {
  root.replaceChildren();
  page.onUpdate(() => render(template(), root));
}

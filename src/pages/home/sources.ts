import type { Looking, Page } from "./page";
import { playClip, sampleImage } from "./samples";

/** Opens what the visitor chose, in the element. */
export class Sources {
  readonly #page: Page;
  /** Aborted when something else is opened. */
  #opened = new AbortController();
  /** What is being opened: clicking on it twice opens it once. */
  #opening = "";

  constructor(page: Page) {
    this.#page = page;
    // The visitor ended the screen sharing.
    page.vlm.addEventListener("ended", () => this.close());
    // The page comes from the back/forward cache, without its captions.
    addEventListener("pageshow", ({ persisted }) => {
      if (persisted) this.#reopen();
    });
  }

  open(looking: Looking): void {
    const key = keyOf(looking);
    if (key === this.#opening) return;
    this.close();
    const page = this.#page;
    page.looking = looking;
    if (looking.kind === "camera" || looking.kind === "screen") {
      page.suggested = looking.kind;
    }
    page.update();
    this.#opening = key;
    const { signal } = this.#opened;
    const finish = (): void => {
      if (signal.aborted) return;
      this.#opening = "";
      // A camera that is waited for may return; anything else has failed.
      if (!page.vlm.open && !page.vlm.frozen) page.looking = undefined;
      page.update();
    };
    // The element shows the error.
    this.#start(looking, signal).then(finish, finish);
  }

  /** Opens the first one; a remark says so if there are several. */
  openFiles(files: readonly File[]): void {
    const isVisual = ({ type }: File): boolean => /^(image|video)\//.test(type);
    const file = files.find(isVisual) ?? files[0];
    if (!file) return;
    this.open({ kind: "file", file });
    const { length: count } = files;
    if (count > 1)
      this.#page.remark = ({ firstOfFiles }) => firstOfFiles(count);
    this.#page.update();
  }

  /** Back to the start state. */
  close(): void {
    const page = this.#page;
    const { vlm } = page;
    this.#opened.abort();
    this.#opened = new AbortController();
    this.#opening = "";
    vlm.stop();
    vlm.stream = undefined;
    vlm.file = undefined;
    page.looking = page.caption = page.remark = undefined;
    page.pictured = false;
    page.update();
  }

  /** Opens a sample again, which the address names. Other images do not return. */
  #reopen(): void {
    const { looking } = this.#page;
    this.close();
    if (looking?.kind === "sample") this.open(looking);
  }

  async #start(looking: Looking, signal: AbortSignal): Promise<void> {
    const { vlm } = this.#page;
    vlm.live = true;
    if (looking.kind === "file") {
      const isVideo = looking.file.type.startsWith("video/");
      vlm.source = isVideo ? "video" : "image";
      vlm.file = looking.file;
    } else if (looking.kind !== "sample") {
      vlm.source = looking.kind;
    } else if (looking.sample === "clip") {
      vlm.stream = playClip(signal);
    } else {
      const file = await sampleImage(looking.sample);
      if (signal.aborted) return;
      vlm.source = "image";
      vlm.file = file;
    }
    await vlm.start();
  }
}

/** Files are equal only to themselves. */
function keyOf(looking: Looking): string {
  if (looking.kind === "sample") return `sample ${looking.sample}`;
  if (looking.kind !== "file") return looking.kind;
  const { name, size, lastModified } = looking.file;
  return `file ${name} ${size} ${lastModified}`;
}

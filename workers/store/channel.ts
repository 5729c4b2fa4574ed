import type { Here } from "./progress";

/** What the tabs of this site tell each other. */
export type News =
  | {
      readonly type: "progress";
      readonly model: string;
      readonly here: Here;
      readonly rate: number;
    }
  | { readonly type: "removed"; readonly model: string };

type Listener = (news: News) => void;

/** Reaches every listener in every tab, the poster's own worker included. */
export class Channel {
  readonly #listeners = new Set<Listener>();
  readonly #tabs: BroadcastChannel | undefined;

  constructor(tabs: BroadcastChannel | undefined) {
    this.#tabs = tabs;
    tabs?.addEventListener("message", ({ data }: MessageEvent<News>) => {
      this.#tell(data);
    });
  }

  post(news: News): void {
    this.#tabs?.postMessage(news);
    this.#tell(news);
  }

  /** Until the returned function is called. */
  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  #tell(news: News): void {
    for (const listener of [...this.#listeners]) listener(news);
  }
}

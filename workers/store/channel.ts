import type { BytesByPath } from "./progress";

/** A message to all tabs of this site. */
type StoreMessage =
  | {
      readonly type: "progress";
      readonly model: string;
      readonly bytes: BytesByPath;
      readonly rate: number;
    }
  | { readonly type: "removed"; readonly model: string };

type Listener = (message: StoreMessage) => void;

/** A BroadcastChannel that also reaches the listeners of its own worker. */
export class Channel {
  readonly #listeners = new Set<Listener>();
  readonly #tabs: BroadcastChannel | undefined;

  constructor(tabs: BroadcastChannel | undefined) {
    this.#tabs = tabs;
    tabs?.addEventListener(
      "message",
      ({ data }: MessageEvent<StoreMessage>) => {
        this.#dispatch(data);
      },
    );
  }

  post(message: StoreMessage): void {
    this.#tabs?.postMessage(message);
    this.#dispatch(message);
  }

  /** Returns a function that removes the listener. */
  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  #dispatch(message: StoreMessage): void {
    for (const listener of [...this.#listeners]) listener(message);
  }
}

import type { AnswerObserver, SentFrames } from "../session/answer";
import type { Turn } from "../session/conversation";
import { now } from "../shared/clock";
import type { VlmError } from "../shared/errors";
import type { TokenEvent } from "../shared/protocol";
import type { CaptionDetail, ConversationEntry } from "./events";
import { frameThumbnail } from "./thumbnail";

/** Number of entries that are kept; the oldest are dropped. */
const maxEntries = 100;

/** The questions asked with `ask` and their answers, oldest first. */
export class Transcript {
  readonly #onChange: () => void;
  #exchanges: readonly Exchange[] = [];

  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /** A new array after each change, with new entries for those that changed. */
  entries: readonly ConversationEntry[] = [];

  /** Adds a question; `background` is the colour behind its transparent pixels. */
  begin(question: string, background: string): Exchange {
    const exchange = new Exchange(question, background, () => {
      if (this.#exchanges.includes(exchange)) this.#update();
    });
    this.#exchanges = [...this.#exchanges, exchange].slice(-maxEntries);
    this.#update();
    return exchange;
  }

  clear(): void {
    this.#exchanges = [];
    this.#update();
  }

  /** The answered questions about the same image that precede `exchange`; waits for
   * those in progress. */
  async turnsBefore(exchange: Exchange): Promise<readonly Turn[]> {
    const { image } = exchange;
    if (image === undefined) return [];
    const at = this.#exchanges.indexOf(exchange);
    const earlier = this.#exchanges
      .slice(0, Math.max(0, at))
      .filter((each) => each.image === image);
    await Promise.all(earlier.map(({ ended }) => ended));
    return earlier
      .map(({ entry }) => entry)
      .filter(({ state, answer }) => state === "done" && answer !== "");
  }

  #update(): void {
    this.entries = this.#exchanges.map(({ entry }) => entry);
    this.#onChange();
  }
}

let ids = 0;

/** A question and its answer while it arrives. */
export class Exchange implements AnswerObserver {
  entry: ConversationEntry;
  /** Equal for questions about the same image; undefined for a live frame. */
  image: string | undefined;
  /** Resolves when it is answered or has failed. */
  readonly ended: Promise<void>;
  readonly #background: string;
  readonly #onChange: () => void;
  #end = (): void => undefined;

  constructor(question: string, background: string, onChange: () => void) {
    ids += 1;
    this.entry = {
      ...{ id: ids, question, answer: "" },
      ...{ state: "answering", time: now() },
    };
    this.ended = new Promise((resolve) => (this.#end = resolve));
    this.#background = background;
    this.#onChange = onChange;
  }

  readonly onFrame = ({ frames, time }: SentFrames): void => {
    this.#update({ time });
    const frame = frames.at(-1);
    if (!frame) return;
    void frameThumbnail(frame, this.#background).then((thumbnail) => {
      if (thumbnail) this.#update({ thumbnail });
    });
  };

  readonly onToken = ({ text }: TokenEvent): void => {
    if (text) this.#update({ answer: this.entry.answer + text });
  };

  succeed({ text, finish, timings }: CaptionDetail): void {
    this.#update({ state: "done", answer: text, finish, timings });
    this.#end();
  }

  /** An abort is no failure: the answer is kept as far as it came. */
  fail({ code, message, advice }: VlmError): void {
    if (code === "aborted") this.#update({ state: "done", finish: "abort" });
    else this.#update({ state: "failed", error: { code, message, advice } });
    this.#end();
  }

  #update(changes: Partial<ConversationEntry>): void {
    this.entry = { ...this.entry, ...changes };
    this.#onChange();
  }
}

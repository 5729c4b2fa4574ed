import { quotaExceeded } from "./errors";
import type { LanguageModelRole } from "./types";

/** What was said, with its pictures. */
export interface ContextEntry {
  readonly role: LanguageModelRole;
  readonly text: string;
  readonly images: readonly ImageBitmap[];
  /** What it takes of the room. */
  readonly tokens: number;
}

/** Room that an answer should find. */
const ANSWER = 128;

/** What a session has read and said, and how much of its room that takes. */
export class ContextWindow {
  readonly window: number;
  readonly #initial: readonly ContextEntry[];
  #entries: readonly ContextEntry[];

  constructor(room: number, initial: readonly ContextEntry[]) {
    this.window = room;
    this.#initial = initial;
    this.#entries = initial;
    this.#check(usageOf(initial));
  }

  get entries(): readonly ContextEntry[] {
    return this.#entries;
  }

  get usage(): number {
    return usageOf(this.#entries);
  }

  /** Tokens that are left. */
  get left(): number {
    return this.window - this.usage;
  }

  clone(): ContextWindow {
    const copy = new ContextWindow(this.window, this.#initial);
    copy.#entries = this.#entries;
    return copy;
  }

  /**
   * Room for so many tokens, and for an answer where it can be had; whether
   * something had to go. The oldest goes first, never what the session began
   * with. Throws where nothing helps.
   */
  makeRoom(tokens: number): boolean {
    this.#check(usageOf(this.#initial) + tokens);
    const before = this.#entries.length;
    const most = this.window - tokens;
    const kept = [...this.#entries.slice(this.#initial.length)];
    const usage = (): number => usageOf(this.#initial) + usageOf(kept);
    if (usage() >= most) {
      const spare = Math.min(ANSWER, Math.floor(this.window / 4));
      // Questions go with their answers.
      while (kept.length > 0 && (usage() > most - spare || !opens(kept[0]))) {
        kept.shift();
      }
    }
    this.#entries = [...this.#initial, ...kept];
    return this.#entries.length < before;
  }

  add(entries: readonly ContextEntry[]): void {
    this.#entries = [...this.#entries, ...entries];
  }

  #check(tokens: number): void {
    if (tokens > this.window) throw quotaExceeded(tokens, this.window);
  }
}

function opens(entry: ContextEntry | undefined): boolean {
  return entry?.role !== "assistant";
}

function usageOf(entries: readonly ContextEntry[]): number {
  return entries.reduce((sum, { tokens }) => sum + tokens, 0);
}

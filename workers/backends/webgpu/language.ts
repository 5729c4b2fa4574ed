import type { VlmError } from "../../../src/shared/errors";
import type { Embedder } from "../ort/embedding";
import type {
  GenerationOptions,
  Generation,
  LanguageBackend,
  Logits,
  EncodedImage,
  Prompt,
} from "../backend";
import { Queue } from "../../util/queue";
import { Stopped } from "../../util/scheduler";
import { Decoder, tooMany, type Begun, type DecoderParts } from "./decoder";
import { usableDraft } from "./draft";
import { WebGpuGeneration } from "./generation";
import { chunksOf, type Chunk } from "./prefill-plan";
import { commonPrefix, Sequence, type Content } from "./sequence";

/**
 * The decoder as captured commands, replayed. What its cache holds is known
 * position by position and outlives an answer: of a prompt that begins as the
 * one before, only the rest is computed.
 */
export class WebGpuLanguage implements LanguageBackend {
  readonly #parts: DecoderParts;
  readonly #embedder: Embedder;
  readonly #queue = new Queue();
  /** What the cache holds, from its first position on. */
  #contents: Content[] = [];
  /** The id that comes after that. */
  #last = 0;
  #decoder: Decoder | undefined;
  #current: Generation | undefined;
  /** Why answers ended that were under way. */
  readonly #ends = new WeakMap<Generation, VlmError>();

  constructor(parts: DecoderParts, embedder: Embedder) {
    this.#parts = parts;
    this.#embedder = embedder;
  }

  begin(
    prompt: Prompt,
    pictures: readonly EncodedImage[],
    how: GenerationOptions,
  ): Promise<Generation> {
    const begin = async (decoder: Decoder): Promise<Generation> => {
      const begun = await this.#prefill(decoder, prompt, pictures, how);
      const generation: Generation = new WebGpuGeneration(begun, (limit) =>
        this.#step(generation, limit),
      );
      this.#current = generation;
      return generation;
    };
    return this.#queue.add(() => this.#attempt(begin));
  }

  get logits(): Logits | undefined {
    return this.#decoder?.logits;
  }

  async release(): Promise<void> {
    await this.#queue.add(() => this.#drop());
    this.#parts.timer?.dispose();
    this.#parts.weights.destroy();
    await this.#embedder.release();
  }

  /** The first ids; the cache then holds all that precedes the last of them. */
  async #prefill(
    decoder: Decoder,
    prompt: Prompt,
    pictures: readonly EncodedImage[],
    how: GenerationOptions,
  ): Promise<Begun> {
    const sequence = new Sequence(prompt, pictures);
    const { length } = sequence;
    if (length > decoder.room) throw tooMany(length);
    const { plan } = this.#parts;
    const room = decoder.room - length;
    const draft = how.constraint === undefined ? how.draft : [];
    const tried = usableDraft(draft, how.sampling, plan, room);
    // The last position is computed anew: it gives the first token.
    const known = commonPrefix(this.#contents, sequence.contents);
    const from = Math.min(known, length - 1);
    sequence.append(tried);
    const end = sequence.length;
    const chunks = chunksOf(from, end, end - length + 1, decoder.room);
    const reach = Math.max(...chunks.map((chunk) => chunk.from + chunk.length));
    await decoder.reserve(reach, from);
    decoder.newAnswer(how, prompt.ids, tried);
    // As far as it holds if it is stopped between two submits.
    this.#contents = sequence.contents.slice(0, from);
    let begun: Begun = { ids: [] };
    for (const chunk of chunks) {
      begun = (await this.#compute(decoder, sequence, chunk, length)) ?? begun;
    }
    const { ids } = begun;
    const accepted = ids.slice(0, -1);
    this.#contents = [...sequence.contents.slice(0, length), ...accepted];
    this.#last = ids.at(-1) ?? 0;
    return begun;
  }

  /** Gives ids if `chunk` is the last. */
  #compute(
    decoder: Decoder,
    sequence: Sequence,
    chunk: Chunk,
    length: number,
  ): Promise<Begun | undefined> {
    const embed = (ids: readonly number[]) => this.#embedder.embed(ids);
    const { from, to } = chunk;
    return sequence.rows<Begun | undefined>(from, to, embed, (rows) =>
      to === sequence.length
        ? decoder.begin(chunk, rows, length)
        : decoder.prefill(chunk, rows),
    );
  }

  /** The next ids of an answer, if it is still the one in the cache. */
  #step(generation: Generation, limit: number): Promise<readonly number[]> {
    return this.#queue.add(() => {
      if (generation !== this.#current) {
        this.#parts.gpu.check();
        const end = this.#ends.get(generation);
        if (end !== undefined) throw end;
        throw new Error("Another answer was begun before this one ended.");
      }
      return this.#attempt(async (decoder) => {
        const ids = await decoder.step(this.#contents.length, limit);
        this.#contents.push(this.#last, ...ids.slice(0, -1));
        this.#last = ids.at(-1) ?? 0;
        return ids;
      });
    });
  }

  /** A job that fails leaves nothing that may be half done; one that is stopped,
   * what came before it. */
  async #attempt<T>(job: (decoder: Decoder) => Promise<T>): Promise<T> {
    const { gpu } = this.#parts;
    try {
      gpu.check();
      this.#decoder ??= new Decoder(this.#parts);
      return await job(this.#decoder);
    } catch (error) {
      if (error instanceof Stopped) {
        this.#current = undefined;
        throw error;
      }
      const cause = await gpu.explain(error);
      if (this.#current !== undefined) this.#ends.set(this.#current, cause);
      await this.#drop();
      await gpu.forgetFaults();
      throw cause;
    }
  }

  async #drop(): Promise<void> {
    const decoder = this.#decoder;
    this.#decoder = undefined;
    this.#current = undefined;
    this.#contents = [];
    await decoder?.release();
  }
}

import type { EncodedImage, Prompt } from "../backend";
import type { Rows, Tensor } from "../../ort/tensor";

/** What stands at a position: a token's id, or a place in a picture. */
export type Content = number | string;

/** Ids → [1, ids, hidden], on the processor. */
export type Embed = (ids: readonly number[]) => Promise<Tensor>;

interface View {
  readonly at: number;
  readonly tensor: Tensor;
}

/** A prompt, position by position, each picture in its place. */
export class Sequence {
  readonly contents: Content[] = [];
  readonly #views: View[] = [];

  constructor({ texts }: Prompt, pictures: readonly EncodedImage[]) {
    texts.forEach((text, i) => {
      this.contents.push(...text);
      const { key, features } = pictures[i] ?? { key: "", features: [] };
      features.forEach((tensor, view) => {
        this.#views.push({ at: this.contents.length, tensor });
        const tokens = tensor.dims[1] ?? 0;
        for (let token = 0; token < tokens; token++) {
          this.contents.push(`${key} ${view} ${token}`);
        }
      });
    });
  }

  get length(): number {
    return this.contents.length;
  }

  append(ids: readonly number[]): void {
    this.contents.push(...ids);
  }

  /** `use` with the embeddings from one position to another. */
  async rows<T>(
    from: number,
    to: number,
    embed: Embed,
    use: (rows: readonly Rows[]) => Promise<T>,
  ): Promise<T> {
    const wanted = this.contents.slice(from, to);
    const ids = wanted.filter((content) => typeof content === "number");
    const text = ids.length > 0 ? await embed(ids) : undefined;
    const rows: Rows[] = [];
    let [at, taken] = [from, 0];
    const takeText = (end: number): void => {
      if (text === undefined || end <= at) return;
      rows.push({ tensor: text, from: taken, to: taken + end - at });
      taken += end - at;
      at = end;
    };
    for (const { at: start, tensor } of this.#views) {
      const end = start + (tensor.dims[1] ?? 0);
      const [first, last] = [Math.max(start, from), Math.min(end, to)];
      if (first >= last) continue;
      takeText(first);
      rows.push({ tensor, from: first - start, to: last - start });
      at = last;
    }
    takeText(to);
    try {
      return await use(rows);
    } finally {
      text?.dispose();
    }
  }
}

/** How many positions both begin with. */
export function commonPrefix(
  a: readonly Content[],
  b: readonly Content[],
): number {
  const most = Math.min(a.length, b.length);
  for (let i = 0; i < most; i++) if (a[i] !== b[i]) return i;
  return most;
}

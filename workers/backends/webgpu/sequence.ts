import type { EncodedImage, Prompt } from "../backend";
import type { Tensor, TensorRows } from "../../ort/tensor";
import { at } from "../../util/assert";

/** What a position holds: a token id, or the key of one image token. */
export type PositionContent = number | string;

/** Token ids → [1, ids, hidden], in CPU memory. */
type Embed = (ids: readonly number[]) => Promise<Tensor>;

/** A prompt position by position, each image in its place. */
export class Sequence {
  readonly contents: PositionContent[] = [];
  readonly #tiles: { readonly start: number; readonly features: Tensor }[] = [];

  constructor({ texts }: Prompt, images: readonly EncodedImage[]) {
    texts.forEach((text, i) => {
      this.contents.push(...text);
      // The last text has no image behind it.
      const image = images[i];
      image?.features.forEach((features, tile) => {
        this.#tiles.push({ start: this.contents.length, features });
        const tokens = at(features.dims, 1);
        for (let token = 0; token < tokens; token++) {
          this.contents.push(`${image.key} ${tile} ${token}`);
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

  /** Calls `use` with the embeddings of the positions `from` to `to`, which are
   * valid until it settles. */
  async withRows<T>(
    from: number,
    to: number,
    embed: Embed,
    use: (rows: readonly TensorRows[]) => Promise<T>,
  ): Promise<T> {
    const ids = this.contents
      .slice(from, to)
      .filter((content) => typeof content === "number");
    const text = ids.length > 0 ? await embed(ids) : undefined;
    const rows: TensorRows[] = [];
    let [position, textRow] = [from, 0];
    const addText = (end: number): void => {
      if (text === undefined || end <= position) return;
      const count = end - position;
      rows.push({ tensor: text, from: textRow, to: textRow + count });
      textRow += count;
      position = end;
    };
    for (const { start, features } of this.#tiles) {
      const end = start + at(features.dims, 1);
      const [first, last] = [Math.max(start, from), Math.min(end, to)];
      if (first >= last) continue;
      addText(first);
      rows.push({ tensor: features, from: first - start, to: last - start });
      position = last;
    }
    addText(to);
    try {
      return await use(rows);
    } finally {
      text?.dispose();
    }
  }
}

/** The number of leading positions with equal contents. */
export function commonPrefix(
  a: readonly PositionContent[],
  b: readonly PositionContent[],
): number {
  const most = Math.min(a.length, b.length);
  for (let i = 0; i < most; i++) if (a[i] !== b[i]) return i;
  return most;
}

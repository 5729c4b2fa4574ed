import { createSHA1, createSHA256, type IHasher } from "hash-wasm";
import { corrupt } from "../util/file-errors";
import type { Fact } from "./listing";

/** Hashes a file in pieces, in their order, as its record asks. */
export class Digest {
  readonly #hasher: IHasher | undefined;
  readonly #name: string;
  readonly #expected: string;
  /** What the hash begins with, before the file. */
  readonly #prefix: string;

  private constructor(
    name: string,
    hasher?: IHasher,
    expected = "",
    prefix = "",
  ) {
    this.#name = name;
    this.#hasher = hasher;
    this.#expected = expected;
    this.#prefix = prefix;
    this.reset();
  }

  static async create({ sha256, blob, bytes }: Fact): Promise<Digest> {
    if (sha256 !== undefined) {
      return new Digest("SHA-256", await createSHA256(), sha256);
    }
    if (blob !== undefined && bytes !== undefined) {
      const prefix = `blob ${bytes}\0`;
      return new Digest("git SHA-1", await createSHA1(), blob, prefix);
    }
    return new Digest("none");
  }

  /** False if nobody told a hash: then anything passes. */
  get checks(): boolean {
    return this.#hasher !== undefined;
  }

  reset(): void {
    this.#hasher?.init().update(this.#prefix);
  }

  update(bytes: Uint8Array): void {
    this.#hasher?.update(bytes);
  }

  /** Ends it. */
  check(path: string): void {
    const hash = this.#hasher?.digest();
    if (hash === undefined || hash === this.#expected) return;
    throw corrupt(
      path,
      `its ${this.#name} begins with ${hash.slice(0, 12)} and should with ${this.#expected.slice(0, 12)}`,
    );
  }
}

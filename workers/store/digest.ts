import { createSHA1, createSHA256, type IHasher } from "hash-wasm";
import { corrupt } from "../util/file-errors";
import type { FileMetadata } from "./listing";

interface ExpectedHash {
  readonly hasher: IHasher;
  readonly name: string;
  readonly hex: string;
  /** Hashed before the file's bytes. */
  readonly prefix: string;
}

/** Hashes the bytes of a file, in their order, and verifies the hash. */
export class Digest {
  readonly #expected: ExpectedHash | undefined;

  private constructor(expected?: ExpectedHash) {
    this.#expected = expected;
    this.reset();
  }

  /** SHA-256, or git's SHA-1 of a blob; none if the metadata has no hash. */
  static async create({ sha256, blob, bytes }: FileMetadata): Promise<Digest> {
    if (sha256 !== undefined) {
      const hasher = await createSHA256();
      return new Digest({ hasher, name: "SHA-256", hex: sha256, prefix: "" });
    }
    if (blob !== undefined && bytes !== undefined) {
      const hasher = await createSHA1();
      const prefix = `blob ${bytes}\0`;
      return new Digest({ hasher, name: "git SHA-1", hex: blob, prefix });
    }
    return new Digest();
  }

  /** False without an expected hash: then any bytes pass. */
  get enabled(): boolean {
    return this.#expected !== undefined;
  }

  reset(): void {
    this.#expected?.hasher.init().update(this.#expected.prefix);
  }

  update(bytes: Uint8Array): void {
    this.#expected?.hasher.update(bytes);
  }

  /** Ends the hash. @throws `model-corrupt` if it is not the expected one */
  verify(path: string): void {
    if (this.#expected === undefined) return;
    const { hasher, name, hex } = this.#expected;
    const actual = hasher.digest();
    if (actual === hex) return;
    throw corrupt(
      path,
      `its ${name} starts with ${actual.slice(0, 12)} instead of ${hex.slice(0, 12)}`,
    );
  }
}

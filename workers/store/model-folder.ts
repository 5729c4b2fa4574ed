import type { License, ModelFile } from "../../src/shared/models";
import type { Progress } from "./progress";

/** The files of a model: on a server, or in a folder of this machine. */
export interface ModelFolder {
  readonly name: string;
  readonly commit?: string | undefined;
  readonly license?: License | undefined;
  /** Metadata of the paths that exist: from the hub's list or the manifest, or
   * else by one request each. */
  stat(
    paths: readonly string[],
    signal: AbortSignal,
  ): Promise<Map<string, ModelFile>>;
  /** Downloads and verifies what is missing; resolves with disk-backed Blobs. */
  fetch(
    paths: readonly string[],
    signal: AbortSignal,
    onProgress: (progress: Progress) => void,
  ): Promise<Map<string, Blob>>;
  /** What identifies the content of files, by path: their hash if it is known, else
   * their address, size and version. Lacks files of which nothing is known. */
  identify(
    paths: readonly string[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, string>>;
  /** Call when the Blobs are no longer used. Their files are then deleted, if the
   * model was deleted meanwhile. */
  release(): void;
}

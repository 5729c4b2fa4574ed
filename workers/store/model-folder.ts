import type { License, ModelFile } from "../../src/shared/models";
import type { Progress } from "./progress";

/** A model's files, wherever they come from. */
export interface ModelFolder {
  readonly name: string;
  readonly commit?: string | undefined;
  readonly license?: License | undefined;
  /** Those of `paths` that exist. From the hub's list or a manifest if there is
   * one, else one request each. */
  stat(
    paths: readonly string[],
    signal: AbortSignal,
  ): Promise<Map<string, ModelFile>>;
  /** Downloads what is missing, checks it, gives disk-backed Blobs. */
  fetch(
    paths: readonly string[],
    signal: AbortSignal,
    onProgress: (progress: Progress) => void,
  ): Promise<Map<string, Blob>>;
  /** Its Blobs are no longer used: files of a deleted model may go now. */
  release(): void;
}

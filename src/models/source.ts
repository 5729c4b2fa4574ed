import type { ModelSource } from "../shared/models";
import type { LoadOptions } from "../shared/protocol";

/** A short description of the source. */
export function sourceName(source: ModelSource): string {
  if (source.kind === "url") return source.url;
  if (source.kind === "folder") return source.name;
  const { endpoint, id, revision } = source;
  const host = new URL(endpoint).host;
  return `${id}${revision === "main" ? "" : `@${revision}`} on ${host}`;
}

/** Whether both sources have the same files. */
function sameSource(a: ModelSource, b: ModelSource): boolean {
  if (a.kind === "folder" && b.kind === "folder") return a.files === b.files;
  return JSON.stringify(a) === JSON.stringify(b);
}

/** Whether loading with either options gives the same model. */
export function sameLoad(a: LoadOptions, b: LoadOptions): boolean {
  return (
    a.device === b.device &&
    a.backend === b.backend &&
    JSON.stringify(a.dtype) === JSON.stringify(b.dtype) &&
    sameSource(a.model, b.model)
  );
}

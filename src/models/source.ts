import type { ModelSource } from "../shared/models";
import type { LoadOptions } from "../shared/protocol";

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

import type { FastVlm, Source } from "../index";

const sources: readonly string[] = [
  "none",
  "camera",
  "screen",
  "video",
  "picture",
] satisfies Source[];

/** The model in the repository. */
const carried = "nano";

/**
 * Sets the element up as the address says: `?model=<name or URL>&device=
 * &dtype=&size=&source=&prompt=&load=manual`. A name stands for `./models/name/`.
 */
export function applyParams(element: FastVlm, search: string): void {
  const params = new URLSearchParams(search);
  element.model = modelUrl(params.get("model") ?? carried);
  element.dtype = params.get("dtype") ?? element.dtype;
  element.device = params.get("device") ?? element.device;
  element.size = Number(params.get("size") ?? 0);
  element.prompt = params.get("prompt") ?? element.prompt;
  const source = params.get("source") ?? "camera";
  element.source = sources.includes(source) ? (source as Source) : "camera";
  element.loading = params.get("load") === "manual" ? "manual" : "eager";
}

function modelUrl(model: string): string {
  const path = model.includes("/") ? model : `./models/${model}/`;
  return new URL(path.endsWith("/") ? path : `${path}/`, document.baseURI).href;
}

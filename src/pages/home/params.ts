import {
  registry,
  type FastVlmElement,
  type Fit,
  type SourceName,
} from "../../index";

const sources: readonly string[] = [
  "none",
  "camera",
  "screen",
  "video",
  "image",
] satisfies SourceName[];

const fits: readonly string[] = [
  "letterbox",
  "crop",
  "stretch",
] satisfies Fit[];

/**
 * Sets the element's properties from the URL: `?model=&hub=&device=&dtype=&backend=
 * &size=&fit=&anyres&prompt-style=&gate=&draft=&source=&prompt=&loading=manual`, each
 * like the attribute.
 */
export function applyParams(element: FastVlmElement, search: string): void {
  const params = new URLSearchParams(search);
  element.model = params.get("model") ?? "nano";
  element.hub = params.get("hub") ?? element.hub;
  element.dtype = params.get("dtype") ?? element.dtype;
  element.device = params.get("device") ?? element.device;
  element.backend = params.get("backend") ?? element.backend;
  element.gate = Number(params.get("gate") ?? element.gate);
  element.draft = params.get("draft") ?? element.draft;
  element.size = Number(params.get("size") ?? 0);
  element.anyres = !["0", "false", null].includes(params.get("anyres"));
  element.promptStyle = params.get("prompt-style") ?? element.promptStyle;
  element.prompt = params.get("prompt") ?? element.prompt;
  const fit = params.get("fit") ?? element.fit;
  if (fits.includes(fit)) element.fit = fit as Fit;
  const source = params.get("source") ?? "camera";
  element.source = sources.includes(source) ? (source as SourceName) : "camera";
  // Loads the bundled model at once; others are described first.
  const loading =
    params.get("loading") ??
    (isBundledModel(element.model) ? "eager" : "manual");
  element.loading = loading === "eager" ? "eager" : "manual";
}

export function isBundledModel(model: string): boolean {
  return registry.some(({ name, bundled }) => bundled && name === model);
}

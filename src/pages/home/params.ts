import { registry, type FastVlmElement, type SourceName } from "../../index";

const sources: readonly string[] = [
  "none",
  "camera",
  "screen",
  "video",
  "image",
] satisfies SourceName[];

/** Parameters that are attributes of the same name. */
const names = [
  ...["hub", "dtype", "device", "backend", "gate", "draft", "size", "fit"],
  ...["background", "prompt-style", "prompt"],
];

/**
 * Sets the element's properties from the URL: `?model=&hub=&device=&dtype=&backend=
 * &size=&fit=&background=&anyres&prompt-style=&gate=&draft=&source=&prompt=&loading=manual`, each
 * like the attribute.
 */
export function applyParams(element: FastVlmElement, search: string): void {
  const params = new URLSearchParams(search);
  element.model = params.get("model") ?? "nano";
  for (const name of names) {
    const value = params.get(name);
    if (value !== null) element.setAttribute(name, value);
  }
  element.anyres = !["0", "false", null].includes(params.get("anyres"));
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

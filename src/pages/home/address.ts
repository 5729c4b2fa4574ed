import { registry, type FastVlmElement, type SourceName } from "../../index";
import { asLanguage, preferredLanguage } from "./language";
import type { Page } from "./page";
import { sampleNames, type SampleName } from "./samples";

const sources: readonly string[] = [
  "none",
  "camera",
  "screen",
  "video",
  "image",
] satisfies SourceName[];

/** Parameters that are attributes of the same name. */
const attributes = [
  ...["model", "hub", "dtype", "device", "backend", "gate", "draft", "size"],
  ...["fit", "background", "prompt-style", "prompt", "facing"],
];

/** Parameters that say what is chosen; the language is a matter of its own. */
const choices = [...attributes, "anyres", "source", "sample"];

/** Where the choices are remembered, as a query string. */
const memory = "fast-vlm:page";

/**
 * Sets the element's properties from the URL: `?model=&hub=&device=&dtype=&backend=
 * &size=&fit=&background=&anyres&prompt-style=&gate=&draft=&facing=&source=&prompt=&loading=manual`,
 * each like the attribute.
 */
export function applyParams(element: FastVlmElement, search: string): void {
  const params = new URLSearchParams(search);
  element.model = "nano";
  for (const name of attributes) {
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

/** Whether the bundled model is chosen. */
export function isDemo({ model, folder }: FastVlmElement): boolean {
  return !folder && isBundledModel(model);
}

/**
 * What the address chooses, or what was chosen last if it chooses nothing: a shared
 * address means the same to everyone. The language is remembered in both cases.
 */
export function chosenParams(
  search: string,
  remembered: string,
): URLSearchParams {
  const params = new URLSearchParams(search);
  const last = new URLSearchParams(remembered);
  if (choices.some((name) => params.has(name))) {
    const lang = params.get("lang") ?? last.get("lang");
    if (lang !== null) params.set("lang", lang);
    return params;
  }
  for (const [name, value] of last)
    if (!params.has(name)) params.set(name, value);
  return params;
}

/** Applies the address and the memory to the page. Returns the sample to open. */
export function openAddress(page: Page): SampleName | undefined {
  const { search } = location;
  const params = page.manual
    ? new URLSearchParams(search)
    : chosenParams(search, recall());
  applyParams(page.vlm, params.toString());
  const language = asLanguage(params.get("lang"));
  page.languageChosen = language !== undefined;
  page.language = language ?? preferredLanguage();
  page.suggested = params.get("source") === "screen" ? "screen" : "camera";
  return sampleNames.find((name) => name === params.get("sample"));
}

/** Keeps what is chosen in the address and in the memory: never a picture, a question
 * or an answer. */
export function keepAddress(page: Page): void {
  if (page.manual) return;
  // Attributes are reflected when the element is updated.
  const defaults = document.createElement("fast-vlm");
  defaults.model = "nano";
  let kept: string | undefined;
  const { vlm } = page;
  page.onUpdate(() => {
    if (!vlm.hasUpdated) return;
    const params = currentParams(page, defaults);
    const search = params.toString();
    const state = `${search} ${vlm.info !== undefined} ${vlm.error !== undefined}`;
    if (state === kept) return;
    kept = state;
    history.replaceState(
      null,
      "",
      `${location.pathname}${search && `?${search}`}`,
    );
    remember(rememberedParams(page, params));
  });
}

/** Choices are remembered once they have worked, the language always. */
function rememberedParams({ vlm }: Page, current: URLSearchParams): string {
  const params = new URLSearchParams(current);
  params.delete("sample");
  if (vlm.info && !vlm.error) return params.toString();
  const last = new URLSearchParams(recall());
  const lang = current.get("lang");
  if (lang !== null) last.set("lang", lang);
  return last.toString();
}

/** Whether `forgetChoices` changes something. */
export function hasChoices(page: Page): boolean {
  const params = new URLSearchParams(location.search);
  return (
    !page.manual &&
    choices.some((name) => name !== "sample" && params.has(name))
  );
}

/** Opens the page again without any choices, except the language. */
export function forgetChoices(): void {
  const lang = new URLSearchParams(location.search).get("lang");
  const search = lang === null ? "" : `?lang=${lang}`;
  remember(search.slice(1));
  location.assign(`${location.pathname}${search}`);
}

function currentParams(page: Page, defaults: FastVlmElement): URLSearchParams {
  const { vlm, looking } = page;
  const params = new URLSearchParams();
  for (const name of attributes) {
    const value = vlm.getAttribute(name);
    const property = name.replace(/-(.)/g, (_, letter: string) =>
      letter.toUpperCase(),
    );
    const usual = String(Reflect.get(defaults, property));
    if (value !== null && value !== usual) params.set(name, value);
  }
  if (vlm.anyres) params.set("anyres", "1");
  if (page.suggested === "screen") params.set("source", "screen");
  if (looking?.kind === "sample") params.set("sample", looking.sample);
  if (page.languageChosen) params.set("lang", page.language);
  return params;
}

// Storage may be denied: then nothing is remembered.

function recall(): string {
  try {
    return localStorage.getItem(memory) ?? "";
  } catch {
    return "";
  }
}

function remember(search: string): void {
  try {
    if (search) localStorage.setItem(memory, search);
    else localStorage.removeItem(memory);
  } catch {
    // As above.
  }
}

import { VlmError } from "../shared/errors";
import type { License, ModelSource } from "../shared/models";
import { appleLicense } from "./registry";

const store = "fast-vlm:licenses";

/** Where storage is refused, consent lasts as long as the page. */
const acceptedHere = new Set<string>();

/** Apple's weights, published by Apple or converted by others. */
const appleIds = /^(apple|onnx-community)\/FastVLM-/i;

/** The licence known from the source's name alone. */
export function licenseOf(source: ModelSource): License | undefined {
  return source.kind === "hub" && appleIds.test(source.id)
    ? appleLicense
    : undefined;
}

/** Whether a person has yet to agree to it. */
export function needsConsent(license: License): boolean {
  return license.id === appleLicense.id && !isAccepted(license);
}

/** No model has a licence left that would need consent. */
export function everyLicenseAccepted(): boolean {
  return isAccepted(appleLicense);
}

function isAccepted({ id }: License): boolean {
  return acceptedHere.has(id) || read().includes(id);
}

/** Remembers a person's consent, once for all models under this licence. */
export function acceptLicense(id: string): void {
  try {
    localStorage.setItem(store, JSON.stringify([...new Set(read()).add(id)]));
  } catch {
    acceptedHere.add(id);
  }
}

export function checkLicense(license: License | undefined): void {
  if (!license || !needsConsent(license)) return;
  const { id, name, url } = license;
  throw new VlmError(
    "license-needed",
    `These weights are under a licence to agree to: ${name}.`,
    `Read ${url ?? "it"}, then agree on the page or with acceptLicense("${id}").`,
  );
}

function read(): string[] {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(store) ?? "[]");
    return Array.isArray(value) ? value.map(String) : [];
  } catch {
    return [];
  }
}

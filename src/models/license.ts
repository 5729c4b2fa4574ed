import { VlmError } from "../shared/errors";
import type { License, ModelReport, ModelSource } from "../shared/models";
import { appleLicense } from "./registry";
import { isBundled } from "./resolve";

const storageKey = "fast-vlm:licenses";

/** Accepted on this page, where localStorage is denied. */
const acceptedOnPage = new Set<string>();

/** Apple's weights: published by Apple, or converted to ONNX. */
const appleIds = /^(apple|onnx-community)\/FastVLM-/i;

/** The licence that follows from the hub id alone. */
export function licenseOf(source: ModelSource): License | undefined {
  return source.kind === "hub" && appleIds.test(source.id)
    ? appleLicense
    : undefined;
}

/** Whether the licence has to be accepted and is not. */
export function needsConsent(license: License): boolean {
  return license.id === appleLicense.id && !isAccepted(license);
}

function isAccepted({ id }: License): boolean {
  return acceptedOnPage.has(id) || read().includes(id);
}

/** Stores the user's consent, for all models under this licence. */
export function acceptLicense(id: string): void {
  try {
    localStorage.setItem(
      storageKey,
      JSON.stringify([...new Set(read()).add(id)]),
    );
  } catch {
    acceptedOnPage.add(id);
  }
}

/**
 * Checks the licence before any weights are downloaded. Calls `inspect` for the
 * model card where the source alone does not determine the licence.
 * @throws `license-needed` if the licence was not accepted
 */
export async function checkConsent(
  model: ModelSource,
  modelBase: string | undefined,
  inspect: () => Promise<ModelReport>,
): Promise<void> {
  checkLicense(licenseOf(model));
  if (isBundled(model, modelBase) || isAccepted(appleLicense)) return;
  checkLicense((await inspect()).license);
}

/** Whether `checkConsent` would throw for an inspected model. */
export function awaitsConsent(
  model: ModelSource,
  modelBase: string | undefined,
  report: ModelReport,
): boolean {
  const license = licenseOf(model) ?? report.license;
  return (
    license !== undefined &&
    !isBundled(model, modelBase) &&
    needsConsent(license)
  );
}

export function checkLicense(license: License | undefined): void {
  if (!license || !needsConsent(license)) return;
  const { id, name, url } = license;
  throw new VlmError(
    "license-needed",
    `The licence of these weights has not been accepted: ${name}.`,
    `Read ${url ?? "the licence"}, then accept it on the page or with acceptLicense("${id}").`,
  );
}

function read(): string[] {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(storageKey) ?? "[]");
    return Array.isArray(value) ? value.map(String) : [];
  } catch {
    return [];
  }
}

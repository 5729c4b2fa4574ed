import type { ModelReport, ModelSource } from "../shared/models";
import {
  checkLicense,
  everyLicenseAccepted,
  licenseOf,
  needsConsent,
} from "./license";
import { isCarried } from "./resolve";

/**
 * Before a byte of the weights moves: throws `license-needed` if the model is
 * under terms that nobody has agreed to. Only its own card can say, for which
 * `inspect` asks where it has to.
 */
export async function checkConsent(
  model: ModelSource,
  modelBase: string,
  inspect: () => Promise<ModelReport>,
): Promise<void> {
  checkLicense(licenseOf(model));
  if (isCarried(model, modelBase) || everyLicenseAccepted()) return;
  checkLicense((await inspect()).license);
}

/** Whether `checkConsent` would throw, of a model that was inspected. */
export function awaitsConsent(
  model: ModelSource,
  modelBase: string,
  report: ModelReport,
): boolean {
  const license = licenseOf(model) ?? report.license;
  return (
    license !== undefined &&
    !isCarried(model, modelBase) &&
    needsConsent(license)
  );
}

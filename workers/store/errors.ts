import { VlmError, type ErrorCode } from "../../src/shared/errors";
import type { StoredModel } from "../../src/shared/models";

/** 1234567 → "1.2 MB". */
export function inWords(bytes: number): string {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let size = bytes;
  let unit = 0;
  while (size >= 999.5 && unit < units.length - 1) {
    size /= 1000;
    unit++;
  }
  const digits = unit > 0 && size < 9.95 ? 1 : 0;
  return `${size.toFixed(digits)} ${units[unit] ?? ""}`;
}

export function aborted(): VlmError {
  return new VlmError(
    "aborted",
    "Loading the model was stopped.",
    "Load it again when it is wanted; it goes on where it stopped.",
  );
}

/** It was deleted while it was downloaded. */
export function deleted(name: string): VlmError {
  return new VlmError(
    "aborted",
    `${name} was deleted while it was being downloaded.`,
    "Load it again if it is wanted after all.",
  );
}

export function offline(subject: string, host: string, cause: unknown) {
  const why = navigator.onLine
    ? `${host} does not answer, or does not allow this page to read from it`
    : "there is no network";
  return new VlmError(
    "offline",
    `${subject} could not be downloaded: ${why}.`,
    "Load the model again when the connection is back; it goes on where it stopped.",
    { cause },
  );
}

export function notAllowed(origin: string, cause: unknown): VlmError {
  return new VlmError(
    "download-failed",
    `The policy of this page does not let it read from ${origin}.`,
    `Start the page's server with --allow ${origin}, or name ${origin} in the connect-src of its Content-Security-Policy.`,
    { cause },
  );
}

export function failed(subject: string, host: string, why: string): VlmError {
  return new VlmError(
    "download-failed",
    `${subject} could not be downloaded from ${host}: ${why}.`,
    "Load the model again later; it goes on where it stopped.",
  );
}

export function refused(subject: string, host: string, status: number) {
  return new VlmError(
    "download-failed",
    `${host} does not give ${subject} to this page (HTTP ${status}): it is private, gated or not there.`,
    "Check the model's name, or download it elsewhere and choose its folder.",
  );
}

export function storageFull(
  name: string,
  needed: number,
  free: number | undefined,
  others: readonly StoredModel[],
): VlmError {
  const room =
    free !== undefined && free < needed
      ? `, and this page may use ${inWords(free)} more: ${inWords(needed - free)} are missing`
      : ", and the disk is full";
  const names = others.map(
    (other) => `${other.name} (${inWords(other.bytes)})`,
  );
  const choice =
    names.length > 0
      ? `Delete a model that is kept here, ${names.join(" or ")}, or make room on the disk`
      : "Make room on the disk";
  return new VlmError(
    "storage-full",
    `${name} needs ${inWords(needed)} more on the disk${room}.`,
    `${choice}, then load it again; what was downloaded stays.`,
  );
}

export function undeletable(name: string, cause: unknown): VlmError {
  return new VlmError(
    "aborted",
    `${name} was not deleted: another tab is downloading it and does not answer.`,
    "Close that tab, then delete it again.",
    { cause },
  );
}

export function isNamed(error: unknown, ...names: string[]): boolean {
  return error instanceof Error && names.includes(error.name);
}

export function isCode(error: unknown, code: ErrorCode): error is VlmError {
  return error instanceof VlmError && error.code === code;
}

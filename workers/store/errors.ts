import { VlmError, type ErrorCode } from "../../src/shared/errors";
import { formatBytes } from "../../src/shared/format";
import type { StoredModel } from "../../src/shared/models";

export function loadAborted(): VlmError {
  return new VlmError(
    "aborted",
    "Loading the model was aborted.",
    "Load the model again; the download resumes where it stopped.",
  );
}

/** The model was deleted during its download. */
export function deleted(name: string): VlmError {
  return new VlmError(
    "aborted",
    `${name} was deleted while it was being downloaded.`,
    "Load the model again if you still need it.",
  );
}

export function offline(subject: string, host: string, cause: unknown) {
  const why = navigator.onLine
    ? `${host} does not respond, or does not allow this page to read from it`
    : "the browser is offline";
  return new VlmError(
    "offline",
    `${subject} could not be downloaded: ${why}.`,
    "Check the connection, then load the model again; the download resumes where it stopped.",
    { cause },
  );
}

/** Hosts that hubs redirect downloads to, by origin of the hub. */
const redirectHosts: Readonly<Record<string, string>> = {
  "https://huggingface.co": "https://*.huggingface.co https://*.hf.co",
};

/** The browser reports the URL before redirects, whichever of them is blocked. */
export function blockedByPolicy(origin: string, cause: unknown): VlmError {
  const hosts = redirectHosts[origin];
  const advice =
    hosts === undefined
      ? `Add ${origin}, and the hosts that it redirects to, to connect-src in the page's Content-Security-Policy (demo page: npm start -- --allow ${origin}).`
      : `Add ${origin} ${hosts} to connect-src in the page's Content-Security-Policy.`;
  return new VlmError(
    "download-failed",
    `The Content-Security-Policy of this page blocks requests to ${origin}, or to a host that it redirects to.`,
    advice,
    { cause },
  );
}

export function failed(subject: string, host: string, why: string): VlmError {
  return new VlmError(
    "download-failed",
    `${subject} could not be downloaded from ${host}: ${why}.`,
    "Load the model again later; the download resumes where it stopped.",
  );
}

export function refused(subject: string, host: string, status: number) {
  return new VlmError(
    "download-failed",
    `${host} refuses to send ${subject} (HTTP ${status}): it is private or gated, or it does not exist.`,
    "Check the model's name, or download the model yourself and choose its folder.",
  );
}

export function storageFull(
  name: string,
  needed: number,
  free: number | undefined,
  others: readonly StoredModel[],
): VlmError {
  const why =
    free !== undefined && free < needed
      ? `the browser allows this site only ${formatBytes(free)} more (${formatBytes(needed - free)} short)`
      : "the disk is full";
  const names = others.map(
    (other) => `${other.name} (${formatBytes(other.bytes)})`,
  );
  const choice =
    names.length > 0
      ? `Delete a stored model, ${names.join(" or ")}, or free up disk space`
      : "Free up disk space";
  return new VlmError(
    "storage-full",
    `${name} needs ${formatBytes(needed)} more disk space, but ${why}.`,
    `${choice}, then load the model again; the downloaded part is kept.`,
  );
}

export function undeletable(name: string, cause: unknown): VlmError {
  return new VlmError(
    "aborted",
    `${name} could not be deleted: another tab is downloading it and does not respond.`,
    "Close that tab, then delete the model again.",
    { cause },
  );
}

export function isNamed(error: unknown, ...names: string[]): boolean {
  return error instanceof Error && names.includes(error.name);
}

export function hasCode(error: unknown, code: ErrorCode): error is VlmError {
  return error instanceof VlmError && error.code === code;
}

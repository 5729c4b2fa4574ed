import { VlmError } from "../shared/errors";

/** `user`: the camera faces the user; `environment`: away from the user; empty:
 * any camera. */
export type Facing = "" | "user" | "environment";

export interface CameraChoice {
  /** `deviceId` of a `MediaDeviceInfo`; empty: any camera. */
  readonly deviceId: string;
  readonly facing: Facing;
}

/** Interval in ms at which a camera in use by another program is tried again. */
const retryEvery = 2000;

/** Lists the cameras. Before the permission is granted, label and id are empty. */
export async function listCameras(): Promise<MediaDeviceInfo[]> {
  const devices = (await mediaDevices()?.enumerateDevices()) ?? [];
  return devices.filter(({ kind }) => kind === "videoinput");
}

export async function openCamera(choice: CameraChoice): Promise<MediaStream> {
  const { deviceId, facing } = choice;
  const devices = mediaDevices();
  if (!devices) throw insecure();
  try {
    return await devices.getUserMedia({
      video: {
        width: { ideal: 1280 },
        height: { ideal: 720 },
        ...(deviceId ? { deviceId: { exact: deviceId } } : {}),
        ...(facing && !deviceId ? { facingMode: { ideal: facing } } : {}),
      },
    });
  } catch (thrown) {
    throw cameraError(thrown);
  }
}

export async function openScreen(): Promise<MediaStream> {
  const devices = mediaDevices();
  if (!devices || !("getDisplayMedia" in devices)) {
    throw new VlmError(
      "unsupported",
      "This browser cannot share a screen or window.",
      "Use a desktop browser, or choose the camera or an image.",
    );
  }
  try {
    return await devices.getDisplayMedia({ video: true, audio: false });
  } catch (thrown) {
    throw new VlmError(
      "screen-denied",
      "No screen or window was shared.",
      policyAdvice("display-capture") ??
        "Start again and choose what to share.",
      { cause: thrown },
    );
  }
}

/**
 * Resolves when a camera that failed with `error` may be available again: a
 * device appeared, the permission changed, or some time has passed.
 */
export async function cameraMayHaveReturned(
  error: VlmError,
  signal: AbortSignal,
): Promise<void> {
  const permission = await cameraPermission();
  await new Promise<void>((resolve) => {
    const listening = new AbortController();
    const done = (): void => {
      listening.abort();
      clearInterval(timer);
      resolve();
    };
    const options = { signal: listening.signal };
    const timer = setInterval(() => {
      if (error.code !== "camera-denied" && !document.hidden) done();
    }, retryEvery);
    const changed = (): void => {
      if (permission?.state !== "denied") done();
    };
    permission?.addEventListener("change", changed, options);
    if (error.code !== "camera-denied") {
      mediaDevices()?.addEventListener("devicechange", done, options);
    }
    if (signal.aborted) done();
    signal.addEventListener("abort", done, options);
  });
}

export function cameraUnplugged(): VlmError {
  return new VlmError(
    "camera-missing",
    "The camera was unplugged.",
    "Plug it in again, or choose another camera; the video then continues automatically.",
  );
}

export function cameraSilent(): VlmError {
  return new VlmError(
    "camera-busy",
    "The camera sends no frames.",
    "Open the camera's privacy shutter, or close the program that uses the camera; the video then continues automatically.",
  );
}

function cameraError(thrown: unknown): VlmError {
  const name = thrown instanceof Error ? thrown.name : "";
  const options = { cause: thrown };
  if (name === "NotAllowedError" || name === "SecurityError") {
    return new VlmError(
      "camera-denied",
      "Access to the camera was denied.",
      policyAdvice("camera") ??
        "Allow the camera for this site, in the address bar or in the system settings; the camera then starts automatically.",
      options,
    );
  }
  if (name === "NotFoundError" || name === "OverconstrainedError") {
    return new VlmError(
      "camera-missing",
      "No matching camera was found.",
      "Plug in a camera or choose another; it then starts automatically.",
      options,
    );
  }
  return new VlmError(
    "camera-busy",
    "The camera could not be started; another program may be using it.",
    "Close that program; the camera then starts automatically.",
    options,
  );
}

/** Advice if the policy of this page or of an embedding page forbids a feature;
 * none if the browser does not report it. */
function policyAdvice(
  feature: "camera" | "display-capture",
): string | undefined {
  const { featurePolicy } = document as {
    featurePolicy?: { allowsFeature(name: string): boolean };
  };
  if (featurePolicy?.allowsFeature(feature) !== false) return undefined;
  return `The permissions policy blocks ${feature}. Allow it in the Permissions-Policy header, and set allow="${feature}" on any iframe that embeds this page.`;
}

function insecure(): VlmError {
  return new VlmError(
    "unsupported",
    "Cameras are not available on this page.",
    "Open the page over https or on localhost.",
  );
}

/** Undefined in an insecure context, contrary to the type declarations. */
function mediaDevices(): MediaDevices | undefined {
  return (navigator as Partial<Navigator>).mediaDevices;
}

async function cameraPermission(): Promise<PermissionStatus | undefined> {
  try {
    return await navigator.permissions.query({ name: "camera" });
  } catch {
    return undefined;
  }
}

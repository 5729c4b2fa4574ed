import type { Page } from "@playwright/test";

export interface FakeCamera {
  readonly deviceId: string;
  /** Colour of the circle that it sees, on black or, with the torch on, on white. */
  readonly colour: string;
  readonly facing?: "user" | "environment";
  readonly torch?: boolean;
  readonly zoom?: { readonly min: number; readonly max: number };
}

interface Cameras {
  /** Name of the exception that `getUserMedia` throws; empty: it opens a camera. */
  failure: string;
  /** `getUserMedia` waits until `answer` is called, like for the visitor's consent. */
  asks: boolean;
  /** Whether a request waits for an answer. */
  readonly asking: boolean;
  /** The constraints of each `getUserMedia`. */
  readonly requests: MediaStreamConstraints[];
  /** The opened tracks, oldest first. */
  readonly tracks: MediaStreamTrack[];
  answer(): void;
  /** Ends the track that is open and lists no cameras, as an unplugged camera does. */
  unplug(): void;
  plugIn(): void;
}

declare global {
  interface Window {
    cameras: Cameras;
  }
}

/** A phone's cameras: one on each side, the back one with torch and zoom. */
export const phoneCameras: readonly FakeCamera[] = [
  { deviceId: "front", colour: "blue", facing: "user" },
  {
    deviceId: "back",
    colour: "red",
    facing: "environment",
    torch: true,
    zoom: { min: 1, max: 4 },
  },
];

/** A desktop's cameras, which face nowhere. */
export const deskCameras: readonly FakeCamera[] = [
  { deviceId: "desk", colour: "green" },
  { deviceId: "door", colour: "yellow" },
];

/** Replaces the cameras of the pages that are opened next by drawn ones. */
export async function installCameras(
  page: Page,
  cameras: readonly FakeCamera[],
  { failure = "", asks = false, width = 640, height = 480 } = {},
): Promise<void> {
  const options = { cameras, failure, asks, width, height };
  await page.addInitScript(replaceCameras, options);
}

/** Runs in the page. */
function replaceCameras(options: {
  readonly cameras: readonly FakeCamera[];
  readonly failure: string;
  readonly asks: boolean;
  readonly width: number;
  readonly height: number;
}): void {
  const { cameras, failure, asks, width, height } = options;
  const { mediaDevices } = navigator;
  let plugged = true;
  let waiting: (() => void) | undefined;

  const chosen = ({ video }: MediaStreamConstraints): FakeCamera => {
    const { deviceId, facingMode } = video as {
      readonly deviceId?: { readonly exact: string };
      readonly facingMode?: { readonly ideal: string };
    };
    const found =
      cameras.find((camera) => camera.deviceId === deviceId?.exact) ??
      cameras.find(({ facing }) => facing === facingMode?.ideal) ??
      cameras[0];
    if (!found) throw new DOMException("No cameras.", "NotFoundError");
    return found;
  };

  const open = (camera: FakeCamera): MediaStream => {
    const canvas = document.createElement("canvas");
    canvas.width = width;
    canvas.height = height;
    const settings = { torch: false, zoom: camera.zoom?.min ?? 1 };
    const draw = (): void => {
      const context = canvas.getContext("2d");
      if (!context) return;
      context.fillStyle = settings.torch ? "white" : "black";
      context.fillRect(0, 0, width, height);
      context.fillStyle = camera.colour;
      context.beginPath();
      const radius = 100 * Math.sqrt(settings.zoom);
      context.arc(width / 2, height / 2, radius, 0, 2 * Math.PI);
      context.fill();
    };
    draw();
    const stream = canvas.captureStream(20);
    const [track] = stream.getVideoTracks();
    if (!track) throw new Error("The canvas has no track.");
    const timer = setInterval(() => {
      if (track.readyState === "ended") clearInterval(timer);
      else draw();
    }, 50);
    const { deviceId, facing, torch = false, zoom } = camera;
    const facingMode = facing && { facingMode: facing };
    track.getSettings = () => ({
      ...{ deviceId, width, height, ...facingMode },
      ...(torch && { torch: settings.torch }),
      ...(zoom && { zoom: settings.zoom }),
    });
    track.getCapabilities = () => ({
      ...{ deviceId, facingMode: facing ? [facing] : [] },
      ...(torch && { torch }),
      ...(zoom && { zoom: { ...zoom, step: 0.1 } }),
    });
    track.applyConstraints = ({ advanced = [] } = {}) => {
      Object.assign(settings, ...advanced);
      draw();
      return Promise.resolve();
    };
    control.tracks.push(track);
    return stream;
  };

  const control = {
    failure,
    asks,
    requests: [] as MediaStreamConstraints[],
    tracks: [] as MediaStreamTrack[],
    get asking() {
      return waiting !== undefined;
    },
    answer: () => {
      waiting?.();
      waiting = undefined;
    },
    unplug: () => {
      plugged = false;
      control.failure = "NotFoundError";
      const track = control.tracks.at(-1);
      track?.stop();
      track?.dispatchEvent(new Event("ended"));
      mediaDevices.dispatchEvent(new Event("devicechange"));
    },
    plugIn: () => {
      plugged = true;
      control.failure = "";
      mediaDevices.dispatchEvent(new Event("devicechange"));
    },
  } satisfies Cameras;
  window.cameras = control;

  mediaDevices.getUserMedia = async (constraints = {}) => {
    control.requests.push(constraints);
    if (control.asks) {
      await new Promise<void>((resolve) => {
        waiting = resolve;
      });
    }
    if (control.failure) {
      throw new DOMException("Refused by a test.", control.failure);
    }
    return open(chosen(constraints));
  };
  mediaDevices.enumerateDevices = () =>
    Promise.resolve(
      (plugged ? cameras : []).map(({ deviceId }) => ({
        ...{ deviceId, kind: "videoinput" as const },
        ...{ groupId: "", label: deviceId, toJSON: () => ({}) },
      })),
    );
}

import { listCameras } from "../../index";
import type { Page } from "./page";

/** Of the Media Capture extensions, missing in lib.dom. */
interface Capabilities extends MediaTrackCapabilities {
  readonly torch?: boolean;
  readonly zoom?: ZoomRange;
}

interface Settings extends MediaTrackSettings {
  readonly torch?: boolean;
  readonly zoom?: number;
}

export interface ZoomRange {
  readonly min: number;
  readonly max: number;
  readonly step?: number;
}

/** The camera that is open, and what can be set on it. */
export class Camera {
  readonly #page: Page;
  /** Ids of the cameras; empty before the permission is granted. */
  #ids: readonly string[] = [];

  constructor(page: Page) {
    this.#page = page;
    const list = (): void => void this.#list().catch(() => undefined);
    // A camera that plays has its permission.
    page.vlm.video.addEventListener("playing", list);
    (navigator as Partial<Navigator>).mediaDevices?.addEventListener(
      "devicechange",
      list,
    );
  }

  /** Whether there is another camera. */
  get hasOther(): boolean {
    // Also while it is being switched, when there is no track.
    return this.#page.looking?.kind === "camera" && this.#ids.length > 1;
  }

  get hasTorch(): boolean {
    return this.#capabilities.torch === true;
  }

  get torch(): boolean {
    return this.#settings.torch === true;
  }

  /** The zoom factors, if the camera has more than one. */
  get zoomRange(): ZoomRange | undefined {
    const { zoom } = this.#capabilities;
    return zoom && zoom.max > zoom.min ? zoom : undefined;
  }

  get zoom(): number {
    return this.#settings.zoom ?? 0;
  }

  /** Opens the camera on the other side of a phone, else the next camera. */
  switch(): void {
    const { vlm } = this.#page;
    const { facingMode, deviceId = "" } = this.#settings;
    if (facingMode === "user" || facingMode === "environment") {
      vlm.camera = "";
      vlm.facing = facingMode === "user" ? "environment" : "user";
    } else {
      const next = (this.#ids.indexOf(deviceId) + 1) % this.#ids.length;
      vlm.camera = this.#ids[next] ?? "";
    }
  }

  setTorch(torch: boolean): void {
    this.#apply({ torch });
  }

  setZoom(zoom: number): void {
    this.#apply({ zoom });
  }

  get #track(): MediaStreamTrack | undefined {
    const { vlm, looking } = this.#page;
    const { srcObject } = vlm.video;
    if (looking?.kind !== "camera" || !(srcObject instanceof MediaStream)) {
      return undefined;
    }
    return srcObject.getVideoTracks()[0];
  }

  get #capabilities(): Capabilities {
    // Firefox has had it only since version 132.
    const track: Partial<MediaStreamTrack> | undefined = this.#track;
    return track?.getCapabilities?.() ?? {};
  }

  get #settings(): Settings {
    return this.#track?.getSettings() ?? {};
  }

  #apply(set: { torch: boolean } | { zoom: number }): void {
    const update = (): void => this.#page.update();
    // A camera that refuses keeps its setting.
    this.#track
      ?.applyConstraints({ advanced: [set as MediaTrackConstraintSet] })
      .then(update, update);
  }

  async #list(): Promise<void> {
    const cameras = await listCameras();
    this.#ids = cameras.flatMap(({ deviceId }) => deviceId || []);
    this.#page.update();
  }
}

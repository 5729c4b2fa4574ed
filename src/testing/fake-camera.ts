import { onTestFinished } from "vitest";

/** A camera drawn on a canvas, in the place of the browser's until the test
 * ends. */
export class FakeCamera {
  /** What `getUserMedia` throws instead of opening. */
  refusal: DOMException | undefined;
  readonly asked: MediaStreamConstraints[] = [];
  readonly streams: MediaStream[] = [];
  readonly #devices = navigator.mediaDevices;
  readonly #timers: ReturnType<typeof setInterval>[] = [];

  constructor() {
    this.#devices.getUserMedia = (constraints = {}) => this.#open(constraints);
    onTestFinished(() => this.restore());
  }

  get track(): MediaStreamTrack {
    const track = this.streams.at(-1)?.getVideoTracks()[0];
    if (!track) throw new Error("The camera is not open.");
    return track;
  }

  /** The browser's own event of a pulled plug, which no script can cause. */
  unplug(): void {
    this.refusal = new DOMException("gone", "NotFoundError");
    this.track.stop();
    this.track.dispatchEvent(new Event("ended"));
  }

  plugIn(): void {
    this.refusal = undefined;
    this.#devices.dispatchEvent(new Event("devicechange"));
  }

  restore(): void {
    // The own property hides the prototype's method.
    Reflect.deleteProperty(this.#devices, "getUserMedia");
    this.#timers.forEach(clearInterval);
  }

  #open(constraints: MediaStreamConstraints): Promise<MediaStream> {
    this.asked.push(constraints);
    if (this.refusal) return Promise.reject(this.refusal);
    const canvas = document.createElement("canvas");
    canvas.width = 64;
    canvas.height = 48;
    const context = canvas.getContext("2d");
    let shade = 0;
    const draw = (): void => {
      if (!context) return;
      shade = (shade + 1) % 256;
      context.fillStyle = `rgb(${shade} 0 0)`;
      context.fillRect(0, 0, canvas.width, canvas.height);
    };
    draw();
    this.#timers.push(setInterval(draw, 20));
    const stream = canvas.captureStream(50);
    this.streams.push(stream);
    return Promise.resolve(stream);
  }
}

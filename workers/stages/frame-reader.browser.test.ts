import { expect, test, vi } from "vitest";
import { FrameReader } from "./frame-reader";

const width = 66;
const height = 34;

/** Samples for each pixel. */
const samples = { I420: 1.5, I422: 2, I444: 3, NV12: 1.5, RGBX: 4, BGRA: 4 };

type Format = keyof typeof samples;

/** What TypeScript does not know yet is a string. */
type Space = Partial<Record<"primaries" | "transfer" | "matrix", string>>;

function videoFrame(
  format: Format,
  space: Space = {},
  changes: Partial<VideoFrameBufferInit> = {},
): VideoFrame {
  const data = Uint8Array.from(
    { length: width * height * samples[format] },
    (_, i) => (i * 37 + (i >> 5)) & 255,
  );
  if (samples[format] === 4) {
    for (let i = 3; i < data.length; i += 4) data[i] = 255;
  }
  const init = { codedWidth: width, codedHeight: height, timestamp: 0 };
  const colorSpace = { fullRange: false, ...space } as VideoColorSpaceInit;
  return new VideoFrame(data, { format, ...init, colorSpace, ...changes });
}

/** The pixels of a frame, read in two bands. */
async function read(frame: VideoFrame): Promise<Uint8Array> {
  const pixels = new Uint8Array(frame.displayWidth * frame.displayHeight * 4);
  const readBand = new FrameReader().open(frame, [10, 20, 30]);
  const half = 16;
  const rest = frame.displayHeight - half;
  const end = frame.displayWidth * half * 4;
  await readBand(0, 0, frame.displayWidth, half, pixels.subarray(0, end));
  await readBand(0, half, frame.displayWidth, rest, pixels.subarray(end));
  return pixels;
}

/** What a canvas shows. */
function drawn(frame: VideoFrame): Uint8Array {
  const { displayWidth, displayHeight } = frame;
  const canvas = new OffscreenCanvas(displayWidth, displayHeight);
  const context = canvas.getContext("2d", { alpha: false });
  if (context === null) throw new Error("no canvas");
  context.fillStyle = "rgb(10 20 30)";
  context.fillRect(0, 0, displayWidth, displayHeight);
  context.drawImage(frame, 0, 0, displayWidth, displayHeight);
  const { data } = context.getImageData(0, 0, displayWidth, displayHeight);
  return new Uint8Array(data.buffer);
}

const bt709 = { primaries: "bt709", transfer: "bt709", matrix: "bt709" };
const spaces: Record<string, Space> = {
  bt709,
  bt601: {
    primaries: "smpte170m",
    transfer: "smpte170m",
    matrix: "smpte170m",
  },
  "Display P3": { ...bt709, primaries: "smpte432" },
  linear: { ...bt709, transfer: "linear" },
  HDR: { primaries: "bt2020", transfer: "pq", matrix: "bt2020-ncl" },
};

for (const [name, space] of Object.entries(spaces)) {
  test.each(["I420", "I422", "I444", "NV12"] as const)(
    `copies %s in ${name} with the colours of a canvas`,
    async (format) => {
      const frame = videoFrame(format, space);
      const copy = vi.spyOn(frame, "copyTo");
      expect(await read(frame)).toEqual(drawn(frame));
      expect(copy).toHaveBeenCalledTimes(2);
      frame.close();
    },
  );
}

test.each(["RGBX", "BGRA"] as const)(
  "copies opaque %s with the colours of a canvas",
  async (format) => {
    const frame = videoFrame(format);
    const copy = vi.spyOn(frame, "copyTo");
    expect(await read(frame)).toEqual(drawn(frame));
    expect(copy).toHaveBeenCalledTimes(2);
    frame.close();
  },
);

test.each<[string, Partial<VideoFrameBufferInit>]>([
  ["partly visible", { visibleRect: { x: 4, y: 2, width: 59, height: 31 } }],
  ["of wide pixels", { displayWidth: 132, displayHeight: height }],
])("reads a frame that is %s as a canvas shows it", async (_, changes) => {
  const frame = videoFrame("I420", bt709, changes);
  expect(await read(frame)).toEqual(drawn(frame));
  frame.close();
});

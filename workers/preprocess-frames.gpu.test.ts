import { expect, test } from "vitest";
import {
  difference,
  pixel,
  planes,
  size,
  usePreprocessors,
  type Memories,
} from "./testing/preprocessors";

let both: Memories;

usePreprocessors((opened) => {
  both = opened;
});

/** Quarters of red, green, blue and white, row by row. */
const quarters: readonly (readonly number[])[] = [
  [255, 0, 0],
  [0, 255, 0],
  [0, 0, 255],
  [255, 255, 255],
];

/** With what TypeScript does not know yet. */
type Changes = Partial<VideoFrameBufferInit> & {
  readonly rotation?: number;
  readonly flip?: boolean;
};

function quartered(changes: Changes): VideoFrame {
  const rgba = new Uint8Array(16 * 16 * 4);
  for (let i = 0; i < 256; i++) {
    const quarter = (i >> 7) * 2 + ((i >> 3) & 1);
    rgba.set([...(quarters[quarter] ?? []), 255], i * 4);
  }
  return new VideoFrame(rgba, {
    format: "RGBA",
    codedWidth: 16,
    codedHeight: 16,
    timestamp: 0,
    ...changes,
  });
}

test.each<[string, Changes, number[]]>([
  ["plain", {}, [0, 1, 2, 3]],
  ["turned by 90°", { rotation: 90 }, [2, 0, 3, 1]],
  ["turned by 180°", { rotation: 180 }, [3, 2, 1, 0]],
  ["turned by 270°", { rotation: 270 }, [1, 3, 0, 2]],
  ["flipped", { flip: true }, [1, 0, 3, 2]],
  [
    "partly visible",
    { visibleRect: { x: 8, y: 0, width: 8, height: 16 } },
    [1, 1, 3, 3],
  ],
  ["of wide pixels", { displayWidth: 32, displayHeight: 16 }, [0, 1, 2, 3]],
])("preprocesses a VideoFrame as displayed: %s", async (_, changes, wanted) => {
  const frame = quartered(changes);
  const { displayWidth, displayHeight } = frame;
  const scale = size / Math.max(displayWidth, displayHeight);
  for (const tensors of [both.gpu, both.cpu]) {
    const values = await planes(tensors, frame);
    const seen = [0, 1, 2, 3].map((quarter) => {
      const right = quarter % 2 === 0 ? -0.25 : 0.25;
      const down = quarter < 2 ? -0.25 : 0.25;
      return pixel(
        values,
        Math.round(size / 2 + right * displayWidth * scale),
        Math.round(size / 2 + down * displayHeight * scale),
      );
    });
    expect(seen).toEqual(wanted.map((quarter) => quarters[quarter]));
  }
  frame.close();
});

test.each(["pq", "hlg"])(
  "converts HDR (%s) to sRGB on GPU and CPU",
  async (hdr) => {
    const greys: number[] = [];
    for (const luma of [64, 300, 500, 940]) {
      const samples = new Uint16Array(32 * 32 * 1.5).fill(512);
      samples.fill(luma, 0, 32 * 32);
      const frame = new VideoFrame(samples, {
        format: "I420P10" as "I420",
        codedWidth: 32,
        codedHeight: 32,
        timestamp: 0,
        colorSpace: {
          primaries: "bt2020" as "bt709",
          transfer: hdr as "bt709",
          matrix: "bt2020-ncl" as "bt709",
          fullRange: false,
        },
      });
      const [r = NaN, g, b] = pixel(await planes(both.gpu, frame), 32, 32);
      expect([g, b]).toEqual([r, r]);
      expect(pixel(await planes(both.cpu, frame), 32, 32)).toEqual([r, r, r]);
      greys.push(r);
      frame.close();
    }
    // Black stays black, the brightest is white, and between them it rises.
    expect(greys[0]).toBe(0);
    expect(greys[3]).toBeGreaterThanOrEqual(254);
    expect(greys).toEqual(greys.toSorted((p, q) => p - q));
    expect(new Set(greys).size).toBe(4);
  },
);

test("preprocesses a YUV camera frame", async () => {
  // The browser converts colour itself: libyuv for the canvas is 2 steps off in
  // blue, and enlarges chroma its own way; overshoot of the resize adds to it.
  const data = Uint8Array.from({ length: 96 * 64 * 1.5 }, (_, i) =>
    i < 96 * 64 ? 16 + ((i * 5) % 200) : 90 + ((i - 96 * 64) >> 6),
  );
  const frame = new VideoFrame(data, {
    format: "I420",
    codedWidth: 96,
    codedHeight: 64,
    timestamp: 0,
  });
  expect(await difference(both, frame)).toBeLessThan(6);
});

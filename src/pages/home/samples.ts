import { paintScene, type Scene } from "./sample-scene";

/** Pictures of the kind that `nano` was trained on. */
export const sampleNames = ["shapes", "star", "word", "clip"] as const;

export type SampleName = (typeof sampleNames)[number];

type Context = CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D;

const star = { colour: "yellow", corners: 10, x: 0.5, y: 0.52, radius: 0.34 };

const scenes: Readonly<Record<Exclude<SampleName, "word" | "clip">, Scene>> = {
  shapes: {
    ground: "pink",
    shapes: [
      { colour: "purple", corners: 10, x: 0.18, y: 0.38, radius: 0.19 },
      { colour: "blue", corners: 4, x: 0.5, y: 0.62, radius: 0.2 },
      { colour: "red", corners: 0, x: 0.82, y: 0.46, radius: 0.19 },
    ],
  },
  star: { ground: "black", shapes: [star] },
};

/** The clip shows one after the other. */
const clipScenes: readonly Scene[] = [
  {
    ground: "white",
    shapes: [{ colour: "red", corners: 0, x: 0.5, y: 0.5, radius: 0.28 }],
  },
  {
    ground: "black",
    shapes: [{ colour: "green", corners: 3, x: 0.5, y: 0.55, radius: 0.34 }],
  },
  {
    ground: "gray",
    shapes: [{ colour: "blue", corners: 4, x: 0.5, y: 0.5, radius: 0.32 }],
  },
];

const secondsPerScene = 4;

/** Pixels of a sample. */
const width = 960;
const height = 540;

/** A sample that stands still, as a file. */
export async function sampleImage(sample: SampleName): Promise<File> {
  const canvas = new OffscreenCanvas(width, height);
  paintSample(contextOf(canvas), sample);
  return new File([await canvas.convertToBlob()], `${sample}.png`, {
    type: "image/png",
  });
}

/** The clip, as a stream that plays until `signal` aborts. */
export function playClip(signal: AbortSignal): MediaStream {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = contextOf(canvas);
  const stream = canvas.captureStream(30);
  const paint = (time: number): void => {
    if (signal.aborted) return;
    paintClip(context, time / 1000);
    requestAnimationFrame(paint);
  };
  paint(0);
  signal.addEventListener("abort", () => {
    for (const track of stream.getTracks()) track.stop();
  });
  return stream;
}

/** A small picture of a sample. */
export function sampleThumbnail(sample: SampleName): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  canvas.width = 320;
  canvas.height = 180;
  canvas.dataset["sample"] = sample;
  paintSample(contextOf(canvas), sample);
  return canvas;
}

function paintSample(context: Context, sample: SampleName): void {
  if (sample === "clip") paintClip(context, 0);
  else if (sample === "word") paintWord(context, "STOP", "blue", "white");
  else paintScene(context, scenes[sample]);
}

/** The shapes move slowly. */
function paintClip(context: Context, seconds: number): void {
  const at = Math.floor(seconds / secondsPerScene) % clipScenes.length;
  const scene = clipScenes[at];
  if (!scene) throw new Error("The clip has no scenes.");
  const dx = 0.18 * Math.sin(seconds * 1.2);
  const dy = 0.06 * Math.sin(seconds * 1.9);
  paintScene(context, scene, dx, dy);
}

function paintWord(
  context: Context,
  word: string,
  colour: string,
  ground: string,
): void {
  const { width, height } = context.canvas;
  context.fillStyle = ground;
  context.fillRect(0, 0, width, height);
  context.fillStyle = colour;
  context.font = `bold ${Math.round(height * 0.42)}px Arial, sans-serif`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(word, width / 2, height / 2, width * 0.9);
}

function contextOf(canvas: HTMLCanvasElement | OffscreenCanvas): Context {
  // One call for both types has the type of all kinds of contexts.
  const context =
    canvas instanceof OffscreenCanvas
      ? canvas.getContext("2d")
      : canvas.getContext("2d");
  if (!context) throw new Error("Cannot create a 2D canvas context.");
  return context;
}

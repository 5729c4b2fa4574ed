import { makeScene, paintScene, type Scene } from "../home/sample-scene";

/** Frames per scene: captions stay the same for a while, as with a camera. */
const framesPerScene = 4;

/** Mulberry32, so that the clip is the same on every machine. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * Frame `index` of a clip of moving generated scenes, in the size of the encoder
 * input, so that resizing does not influence the answers.
 */
export function renderFrame(index: number, size: number): ImageBitmap {
  const canvas = new OffscreenCanvas(size, size);
  const context = canvas.getContext("2d");
  if (!context) throw new Error("Cannot create a 2D canvas context.");
  const number = Math.floor(index / framesPerScene);
  const scene: Scene = makeScene(randomFrom(1 + number));
  const step = index % framesPerScene;
  paintScene(context, scene, 0.01 * step, 0.015 * step);
  return canvas.transferToImageBitmap();
}

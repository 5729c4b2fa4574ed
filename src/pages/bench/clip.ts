import { makeScene, paintScene, type Scene } from "../home/sample-scene";

/** Frames that a scene of the clip lasts: captions stay the same for a while,
 * as they do before a camera. */
const framesPerScene = 4;

/** Mulberry32: the same clip on every machine. */
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
 * Frame `index` of a clip of drawn scenes, in which everything drifts. It is a
 * square of the encoder's side, so that no resizer has a part in the answers.
 */
export function drawFrame(index: number, side: number): ImageBitmap {
  const canvas = new OffscreenCanvas(side, side);
  const context = canvas.getContext("2d");
  if (!context) throw new Error("No canvas to draw on.");
  const number = Math.floor(index / framesPerScene);
  const scene: Scene = makeScene(randomFrom(1 + number));
  const step = index % framesPerScene;
  paintScene(context, scene, 0.01 * step, 0.015 * step);
  return canvas.transferToImageBitmap();
}

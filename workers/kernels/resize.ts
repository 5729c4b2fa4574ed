import { dispatch, upload } from "./kernel";
import horizontalCode from "./resize-horizontal.wgsl?raw";
import tileCode from "./resize-tile.wgsl?raw";
import verticalCode from "./resize-vertical.wgsl?raw";
import { makeTaps, type Taps } from "./taps";
import { makeTiles, type Tile } from "./tiles";

const horizontal = {
  label: "resize-horizontal",
  code: tileCode + horizontalCode,
};
const vertical = { label: "resize-vertical", code: tileCode + verticalCode };

/** Above this a picture goes through the GPU in tiles: 64 MiB of texture. */
const MAX_TILE_PIXELS = 1 << 24;

interface Axis {
  readonly spans: GPUBuffer;
  readonly weights: GPUBuffer;
}

interface Plan {
  readonly tiles: readonly { tile: Tile; uniform: GPUBuffer }[];
  readonly x: Axis;
  readonly y: Axis;
  readonly texture: GPUTexture;
  readonly narrow: GPUBuffer;
}

/**
 * A picture, centred on a black square and resized as Pillow's BICUBIC does
 * it, into planes R, G, B of floats: the encoder's input, never off the GPU.
 *
 * Per tile: copy into a texture, horizontal pass to packed 8-bit rows,
 * vertical pass into the planes. Tables, texture and rows are kept for as long
 * as pictures of one size come.
 */
export class Resizer {
  readonly #device: GPUDevice;
  #key = "";
  #plan: Plan | undefined;

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** Submits the work; `planes` holds 3 * side² floats when it is done. */
  run(
    source: VideoFrame | ImageBitmap,
    width: number,
    height: number,
    side: number,
    planes: GPUBuffer,
  ): void {
    const device = this.#device;
    const plan = this.#planFor(width, height, side);
    for (const { tile, uniform } of plan.tiles) {
      if (tile.sourceColumns > 0 && tile.sourceRows > 0) {
        device.queue.copyExternalImageToTexture(
          { source, origin: [tile.sourceColumn, tile.sourceRow] },
          // Premultiplied: what shines through is black.
          { texture: plan.texture, premultipliedAlpha: true },
          [tile.sourceColumns, tile.sourceRows],
        );
      }
      const encoder = device.createCommandEncoder({ label: "resize" });
      const pass = encoder.beginComputePass({ label: "resize" });
      dispatch(
        device,
        pass,
        horizontal,
        [
          { buffer: uniform },
          { buffer: plan.x.spans },
          { buffer: plan.x.weights },
          plan.texture.createView(),
          { buffer: plan.narrow },
        ],
        tile.columns,
        tile.sourceRows,
      );
      dispatch(
        device,
        pass,
        vertical,
        [
          { buffer: uniform },
          { buffer: plan.y.spans },
          { buffer: plan.y.weights },
          { buffer: plan.narrow },
          { buffer: planes },
        ],
        tile.columns,
        tile.rows,
      );
      pass.end();
      device.queue.submit([encoder.finish()]);
    }
  }

  dispose(): void {
    const plan = this.#plan;
    this.#plan = undefined;
    this.#key = "";
    if (plan === undefined) return;
    for (const { uniform } of plan.tiles) uniform.destroy();
    for (const axis of [plan.x, plan.y]) {
      axis.spans.destroy();
      axis.weights.destroy();
    }
    plan.texture.destroy();
    plan.narrow.destroy();
  }

  #planFor(width: number, height: number, side: number): Plan {
    const key = [width, height, side].join();
    if (this.#plan !== undefined && this.#key === key) return this.#plan;
    this.dispose();
    this.#plan = makePlan(this.#device, width, height, side);
    this.#key = key;
    return this.#plan;
  }
}

function makePlan(
  device: GPUDevice,
  width: number,
  height: number,
  side: number,
): Plan {
  const square = Math.max(width, height);
  const tapsX = makeTaps(width, square, side);
  const tapsY = makeTaps(height, square, side);
  const maxSide = device.limits.maxTextureDimension2D;
  const tiles = makeTiles(tapsX, tapsY, side, maxSide, MAX_TILE_PIXELS);
  const most = (size: (tile: Tile) => number): number =>
    Math.max(1, ...tiles.map(size));
  return {
    tiles: tiles.map((tile) => ({
      tile,
      uniform: uniformOf(device, tile, side, tapsX, tapsY),
    })),
    x: axisOf(device, "x", tapsX),
    y: axisOf(device, "y", tapsY),
    texture: device.createTexture({
      label: "picture",
      size: [most((t) => t.sourceColumns), most((t) => t.sourceRows)],
      format: "rgba8unorm",
      usage:
        GPUTextureUsage.TEXTURE_BINDING |
        GPUTextureUsage.COPY_DST |
        GPUTextureUsage.RENDER_ATTACHMENT,
    }),
    narrow: device.createBuffer({
      label: "resize narrow rows",
      size: 4 * most((t) => t.columns * t.sourceRows),
      usage: GPUBufferUsage.STORAGE,
    }),
  };
}

function axisOf(device: GPUDevice, axis: string, taps: Taps): Axis {
  const spans = new Int32Array(taps.start.length * 2);
  taps.start.forEach((start, i) => {
    spans[i * 2] = start;
    spans[i * 2 + 1] = taps.count[i] ?? 0;
  });
  const { STORAGE } = GPUBufferUsage;
  return {
    spans: upload(device, `resize spans ${axis}`, spans, STORAGE),
    weights: upload(device, `resize weights ${axis}`, taps.weights, STORAGE),
  };
}

function uniformOf(
  device: GPUDevice,
  tile: Tile,
  side: number,
  tapsX: Taps,
  tapsY: Taps,
): GPUBuffer {
  const fields = [tile.column, tile.row, tile.columns, tile.rows];
  fields.push(tile.sourceColumn, tile.sourceRow, tile.sourceRows, side);
  fields.push(tapsX.stride, tapsY.stride, 0, 0);
  const data = new Uint32Array(fields);
  return upload(device, "resize tile", data, GPUBufferUsage.UNIFORM);
}

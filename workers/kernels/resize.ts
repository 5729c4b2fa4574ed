import { columnsFirst, type Geometry } from "./geometry";
import type { GpuTimer } from "./gpu-timer";
import { encode, prepare, tiles, upload, type Dispatch } from "./kernel";
import firstCode from "./resize-first.wgsl?raw";
import secondCode from "./resize-second.wgsl?raw";
import tileCode from "./resize-tile.wgsl?raw";
import { makeResizeWeights, type ResizeWeights } from "./resize-weights";
import { makeTiles, type Tile } from "./tiles";

const firstPass = { label: "resize-first", code: tileCode + firstCode };
const secondPass = { label: "resize-second", code: tileCode + secondCode };

/** Above this a picture goes through the GPU in tiles: 64 MiB of texture. */
const MAX_TILE_PIXELS = 1 << 24;

interface Tables {
  readonly spans: GPUBuffer;
  readonly weights: GPUBuffer;
}

interface PlannedTile {
  readonly tile: Tile;
  readonly uniform: GPUBuffer;
  /** The part of the picture that it reads. */
  readonly origin: readonly [column: number, row: number];
  readonly size: readonly [columns: number, rows: number];
  /** Both passes, as they were last bound. */
  bound?: Bound;
}

interface Bound {
  readonly scratch: Scratch;
  readonly planes: GPUBuffer;
  readonly passes: readonly Dispatch[];
}

/** Tables for one geometry. */
interface Plan {
  readonly tiles: readonly PlannedTile[];
  readonly first: Tables;
  readonly second: Tables;
}

/** What lies between the picture and the result, as large as the largest tile
 * needs. */
interface Scratch {
  readonly texture: GPUTexture;
  readonly narrow: GPUBuffer;
}

/**
 * A picture brought to a square as Pillow's BICUBIC does it, as planes R, G, B
 * of floats: the encoder's input, never off the GPU.
 *
 * Per tile: copy into a texture, first pass to packed 8-bit rows (or columns),
 * second pass into the planes. Tables, texture and rows are kept for as long
 * as pictures of one size are brought to squares of one side.
 */
export class Resizer {
  readonly #device: GPUDevice;
  readonly #plans = new Map<string, Plan>();
  #sizes = "";
  #scratch: Scratch | undefined;

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** Submits the work; `planes` holds 3 * side² floats when it is done. `timer`
   * times it as the stage `preprocess`. */
  run(
    source: VideoFrame | ImageBitmap | OffscreenCanvas,
    geometry: Geometry,
    planes: GPUBuffer,
    timer?: GpuTimer,
  ): void {
    const device = this.#device;
    const plan = this.#planFor(geometry);
    const scratch = this.#scratchFor(plan);
    const { texture } = scratch;
    for (const planned of plan.tiles) {
      const { origin, size } = planned;
      if (size[0] > 0 && size[1] > 0) {
        device.queue.copyExternalImageToTexture(
          { source, origin },
          // Premultiplied: what shines through is black.
          { texture, colorSpace: "srgb", premultipliedAlpha: true },
          size,
        );
      }
      if (
        planned.bound?.scratch !== scratch ||
        planned.bound.planes !== planes
      ) {
        planned.bound = bind(device, plan, planned, scratch, planes);
      }
      const encoder = device.createCommandEncoder({ label: "resize" });
      const pass = encoder.beginComputePass({
        label: "resize",
        ...timer?.pass("preprocess"),
      });
      for (const dispatch of planned.bound.passes) encode(pass, dispatch);
      pass.end();
      device.queue.submit([encoder.finish()]);
    }
  }

  dispose(): void {
    for (const { tiles, first, second } of this.#plans.values()) {
      for (const { uniform } of tiles) uniform.destroy();
      for (const { spans, weights } of [first, second]) {
        spans.destroy();
        weights.destroy();
      }
    }
    this.#plans.clear();
    this.#scratch?.texture.destroy();
    this.#scratch?.narrow.destroy();
    this.#scratch = undefined;
  }

  #planFor(geometry: Geometry): Plan {
    const { x, y, side } = geometry;
    const sizes = [x.length, y.length, side].join();
    if (this.#sizes !== sizes) this.dispose();
    this.#sizes = sizes;
    const key = JSON.stringify(geometry);
    let plan = this.#plans.get(key);
    if (plan === undefined) {
      plan = makePlan(this.#device, geometry);
      this.#plans.set(key, plan);
    }
    return plan;
  }

  #scratchFor({ tiles }: Plan): Scratch {
    const most = (size: (planned: PlannedTile) => number): number =>
      Math.max(1, ...tiles.map(size));
    const columns = most(({ size }) => size[0]);
    const rows = most(({ size }) => size[1]);
    const bytes = 4 * most(({ tile }) => tile.columns * tile.sourceRows);
    const { texture, narrow } = this.#scratch ?? {};
    const fits =
      columns <= (texture?.width ?? 0) &&
      rows <= (texture?.height ?? 0) &&
      bytes <= (narrow?.size ?? 0);
    if (this.#scratch !== undefined && fits) return this.#scratch;
    texture?.destroy();
    narrow?.destroy();
    this.#scratch = makeScratch(this.#device, columns, rows, bytes);
    return this.#scratch;
  }
}

function bind(
  device: GPUDevice,
  { first, second }: Plan,
  { tile, uniform }: PlannedTile,
  scratch: Scratch,
  planes: GPUBuffer,
): Bound {
  const { texture, narrow } = scratch;
  const tables = ({ spans, weights }: Tables): GPUBindingResource[] =>
    [uniform, spans, weights].map((buffer) => ({ buffer }));
  const { columns, rows, sourceRows } = tile;
  const passes = [
    prepare(
      device,
      firstPass,
      [...tables(first), texture.createView(), { buffer: narrow }],
      tiles(columns, sourceRows),
    ),
    prepare(
      device,
      secondPass,
      [...tables(second), { buffer: narrow }, { buffer: planes }],
      tiles(columns, rows),
    ),
  ];
  return { scratch, planes, passes };
}

function makeScratch(
  device: GPUDevice,
  columns: number,
  rows: number,
  bytes: number,
): Scratch {
  return {
    texture: device.createTexture({
      label: "picture",
      size: [columns, rows],
      format: "rgba8unorm",
      usage:
        GPUTextureUsage.TEXTURE_BINDING |
        GPUTextureUsage.COPY_DST |
        GPUTextureUsage.RENDER_ATTACHMENT,
    }),
    narrow: device.createBuffer({
      label: "resize narrow rows",
      size: bytes,
      usage: GPUBufferUsage.STORAGE,
    }),
  };
}

function makePlan(device: GPUDevice, geometry: Geometry): Plan {
  const turned = columnsFirst(geometry);
  const { x, y, side } = geometry;
  const first = makeResizeWeights(turned ? y : x, side);
  const second = makeResizeWeights(turned ? x : y, side);
  const maxSide = device.limits.maxTextureDimension2D;
  const tiles = makeTiles(first, second, side, maxSide, MAX_TILE_PIXELS);
  return {
    tiles: tiles.map((tile): PlannedTile => {
      const { sourceColumn, sourceRow, sourceColumns, sourceRows } = tile;
      const uniform = uniformOf(device, tile, side, first, second, turned);
      return turned
        ? {
            tile,
            uniform,
            origin: [sourceRow, sourceColumn],
            size: [sourceRows, sourceColumns],
          }
        : {
            tile,
            uniform,
            origin: [sourceColumn, sourceRow],
            size: [sourceColumns, sourceRows],
          };
    }),
    first: tablesOf(device, "first", first),
    second: tablesOf(device, "second", second),
  };
}

function tablesOf(
  device: GPUDevice,
  pass: string,
  taps: ResizeWeights,
): Tables {
  const spans = new Int32Array(taps.start.length * 2);
  taps.start.forEach((start, i) => {
    spans[i * 2] = start;
    spans[i * 2 + 1] = taps.count[i] ?? 0;
  });
  const { STORAGE } = GPUBufferUsage;
  return {
    spans: upload(device, `resize spans ${pass}`, spans, STORAGE),
    weights: upload(device, `resize weights ${pass}`, taps.weights, STORAGE),
  };
}

function uniformOf(
  device: GPUDevice,
  tile: Tile,
  side: number,
  first: ResizeWeights,
  second: ResizeWeights,
  turned: boolean,
): GPUBuffer {
  const fields = [tile.column, tile.row, tile.columns, tile.rows];
  fields.push(tile.sourceColumn, tile.sourceRow, tile.sourceRows, side);
  fields.push(first.stride, second.stride, turned ? 1 : 0, 0);
  const data = new Uint32Array(fields);
  return upload(device, "resize tile", data, GPUBufferUsage.UNIFORM);
}

import type { Rgb } from "../../src/shared/color";
import { columnsFirst, type Geometry } from "./resize-geometry";
import type { GpuTimer } from "./gpu-timer";
import {
  encode,
  prepare,
  workgroupsFor,
  upload,
  type KernelDispatch,
} from "./kernel";
import firstCode from "./resize-first.wgsl?raw";
import secondCode from "./resize-second.wgsl?raw";
import tileCode from "./resize-tile.wgsl?raw";
import { makeResizeWeights, type ResizeWeights } from "./resize-weights";
import { cutIntoTiles, type ResizeTile } from "./resize-tiles";

const firstPass = { label: "resize-first", code: tileCode + firstCode };
const secondPass = { label: "resize-second", code: tileCode + secondCode };

/** Larger images are resized in tiles: this is 64 MiB of texture. */
const MAX_TILE_PIXELS = 1 << 24;

interface Tables {
  readonly spans: GPUBuffer;
  readonly weights: GPUBuffer;
}

interface PlannedTile {
  readonly tile: ResizeTile;
  readonly uniform: GPUBuffer;
  /** The part of the image that the tile reads. */
  readonly origin: readonly [column: number, row: number];
  readonly extent: readonly [columns: number, rows: number];
  /** Both passes and the resources they are bound to. */
  bound?: Bound;
}

interface Bound {
  readonly scratch: Scratch;
  readonly planes: GPUBuffer;
  readonly passes: readonly KernelDispatch[];
}

/** Tiles and weights for one geometry and background. */
interface Plan {
  readonly tiles: readonly PlannedTile[];
  readonly first: Tables;
  readonly second: Tables;
}

/** Intermediate resources, large enough for the largest tile. */
interface Scratch {
  readonly texture: GPUTexture;
  readonly narrow: GPUBuffer;
}

/**
 * Resizes images to squares like Pillow's BICUBIC, as planes R, G, B of f32 on the
 * GPU: the input of the vision encoder.
 *
 * Per tile: copy into a texture, first pass to packed 8-bit rows (or columns),
 * second pass into the planes. Tables and buffers are kept while the sizes of the
 * image and the square stay the same.
 */
export class Resizer {
  readonly #device: GPUDevice;
  readonly #plans = new Map<string, Plan>();
  #sizes = "";
  #scratch: Scratch | undefined;

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** Submits the work that writes 3 * size² floats to `planes`. `background` is
   * seen through transparent pixels. `timer` times the work as the stage
   * `preprocess`. */
  run(
    source: VideoFrame | ImageBitmap | OffscreenCanvas,
    geometry: Geometry,
    planes: GPUBuffer,
    background: Rgb,
    timer?: GpuTimer,
  ): void {
    const device = this.#device;
    const plan = this.#planFor(geometry, background);
    const scratch = this.#scratchFor(plan);
    const { texture } = scratch;
    for (const planned of plan.tiles) {
      const { origin, extent } = planned;
      if (extent[0] > 0 && extent[1] > 0) {
        device.queue.copyExternalImageToTexture(
          { source, origin },
          // Premultiplied: the shader adds the background.
          { texture, colorSpace: "srgb", premultipliedAlpha: true },
          extent,
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

  #planFor(geometry: Geometry, background: Rgb): Plan {
    const { x, y, size } = geometry;
    const sizes = [x.length, y.length, size, ...background].join();
    if (this.#sizes !== sizes) this.dispose();
    this.#sizes = sizes;
    const key = JSON.stringify(geometry);
    let plan = this.#plans.get(key);
    if (plan === undefined) {
      plan = makePlan(this.#device, geometry, background);
      this.#plans.set(key, plan);
    }
    return plan;
  }

  #scratchFor({ tiles }: Plan): Scratch {
    const most = (of: (planned: PlannedTile) => number): number =>
      Math.max(1, ...tiles.map(of));
    const columns = most(({ extent }) => extent[0]);
    const rows = most(({ extent }) => extent[1]);
    const bytes = 4 * most(({ tile }) => tile.columns * tile.sourceRows);
    const scratch = this.#scratch;
    if (
      scratch !== undefined &&
      columns <= scratch.texture.width &&
      rows <= scratch.texture.height &&
      bytes <= scratch.narrow.size
    ) {
      return scratch;
    }
    scratch?.texture.destroy();
    scratch?.narrow.destroy();
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
      workgroupsFor(columns, sourceRows),
    ),
    prepare(
      device,
      secondPass,
      [...tables(second), { buffer: narrow }, { buffer: planes }],
      workgroupsFor(columns, rows),
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
      label: "image",
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

function makePlan(
  device: GPUDevice,
  geometry: Geometry,
  background: Rgb,
): Plan {
  const turned = columnsFirst(geometry);
  const { x, y, size } = geometry;
  const first = makeResizeWeights(turned ? y : x, size);
  const second = makeResizeWeights(turned ? x : y, size);
  const maxSide = device.limits.maxTextureDimension2D;
  const tiles = cutIntoTiles(first, second, size, maxSide, MAX_TILE_PIXELS);
  return {
    tiles: tiles.map((tile): PlannedTile => {
      const inImage = (x: number, y: number) =>
        turned ? ([y, x] as const) : ([x, y] as const);
      return {
        tile,
        uniform: uniformOf(
          device,
          tile,
          size,
          first,
          second,
          turned,
          background,
        ),
        origin: inImage(tile.sourceColumn, tile.sourceRow),
        extent: inImage(tile.sourceColumns, tile.sourceRows),
      };
    }),
    first: tablesOf(device, "first", first),
    second: tablesOf(device, "second", second),
  };
}

function tablesOf(
  device: GPUDevice,
  pass: string,
  table: ResizeWeights,
): Tables {
  const spans = new Int32Array(table.start.length * 2);
  table.start.forEach((start, i) => {
    spans[i * 2] = start;
    spans[i * 2 + 1] = table.count[i] ?? NaN;
  });
  const { STORAGE } = GPUBufferUsage;
  return {
    spans: upload(device, `resize spans ${pass}`, spans, STORAGE),
    weights: upload(device, `resize weights ${pass}`, table.weights, STORAGE),
  };
}

function uniformOf(
  device: GPUDevice,
  tile: ResizeTile,
  size: number,
  first: ResizeWeights,
  second: ResizeWeights,
  turned: boolean,
  [red, green, blue]: Rgb,
): GPUBuffer {
  const fields = [tile.column, tile.row, tile.columns, tile.rows];
  fields.push(tile.sourceColumn, tile.sourceRow, tile.sourceRows, size);
  fields.push(first.stride, second.stride, turned ? 1 : 0);
  fields.push(red | (green << 8) | (blue << 16));
  const data = new Uint32Array(fields);
  return upload(device, "resize tile", data, GPUBufferUsage.UNIFORM);
}

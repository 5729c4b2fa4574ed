import code from "./convert-rows.wgsl?raw";
import halfCode from "./half.wgsl?raw";
import { encode, prepare, tiles, upload } from "./kernel";

export interface RowsToConvert {
  /** Numbers of a row: an even number. */
  readonly width: number;
  readonly rows: number;
  /** The first of them in the source, and where it comes to. */
  readonly from: number;
  readonly to: number;
}

/** Into the other type; gives a buffer to destroy when that is submitted. */
export function convertRows(
  device: GPUDevice,
  encoder: GPUCommandEncoder,
  way: "widen" | "narrow",
  source: GPUBuffer,
  dest: GPUBuffer,
  { width, rows, from, to }: RowsToConvert,
): GPUBuffer {
  const pairs = width / 2;
  const facts = Uint32Array.of(pairs, rows, from, to);
  const place = upload(device, "place", facts, GPUBufferUsage.UNIFORM);
  const constants = { WIDEN: way === "widen" ? 1 : 0 };
  const dispatch = prepare(
    device,
    { label: `${way} rows`, code: halfCode + code, constants },
    [source, dest, place].map((buffer) => ({ buffer })),
    tiles(pairs, rows),
  );
  const pass = encoder.beginComputePass({ label: "convert rows" });
  encode(pass, dispatch);
  pass.end();
  return place;
}

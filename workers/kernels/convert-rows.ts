import code from "./convert-rows.wgsl?raw";
import float16Code from "./float16.wgsl?raw";
import { encode, prepare, workgroupsFor, upload } from "./kernel";

interface RowsToConvert {
  /** Numbers in a row; must be even. */
  readonly width: number;
  readonly rows: number;
  /** Index of the first row in the source and in the destination. */
  readonly from: number;
  readonly to: number;
}

/** Encodes the conversion of rows between float16 and float32. Returns a uniform
 * buffer to destroy after the submit. */
export function convertRows(
  device: GPUDevice,
  encoder: GPUCommandEncoder,
  direction: "widen" | "narrow",
  source: GPUBuffer,
  dest: GPUBuffer,
  { width, rows, from, to }: RowsToConvert,
): GPUBuffer {
  const pairs = width / 2;
  const fields = Uint32Array.of(pairs, rows, from, to);
  const uniform = upload(device, "row range", fields, GPUBufferUsage.UNIFORM);
  const constants = { WIDEN: direction === "widen" ? 1 : 0 };
  const dispatch = prepare(
    device,
    { label: `${direction} rows`, code: float16Code + code, constants },
    [source, dest, uniform].map((buffer) => ({ buffer })),
    workgroupsFor(pairs, rows),
  );
  const pass = encoder.beginComputePass({ label: "convert rows" });
  encode(pass, dispatch);
  pass.end();
  return uniform;
}

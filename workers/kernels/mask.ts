import { prepare, type Dispatch } from "./kernel";
import maskCode from "./mask.wgsl?raw";
import type { SamplerState } from "./sampler-state";

const THREADS = 256;
/** No dimension of a dispatch may be longer, whatever the GPU. */
const MOST_GROUPS = 65_535;

/** Forbids, in one row of logits, what `state` does not allow. */
export function prepareMask(
  device: GPUDevice,
  { sizes, allowed }: SamplerState,
  { buffer, type }: { buffer: GPUBuffer; type: "float32" | "float16" },
): Dispatch {
  const words = sizes.vocabulary / (type === "float16" ? 2 : 1);
  const groups = Math.ceil(words / THREADS);
  const width = Math.min(groups, MOST_GROUPS);
  return prepare(
    device,
    {
      label: "mask",
      code: maskCode,
      constants: { HALVES: type === "float16" ? 1 : 0 },
    },
    [{ buffer }, { buffer: allowed }],
    [width, Math.ceil(groups / width), 1],
  );
}

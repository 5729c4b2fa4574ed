import { at } from "../../util/assert";
import type { WasmMemory } from "./memory";
import type { ThreadPool } from "./thread-pool";

/** Columns of a panel. */
const PANEL = 16;
/** Σ w, scales and zero points of a panel. */
const RECORD = 3 * 4 * PANEL;
/** Scale, zero point and Σ a of a row. */
const HEADER = 16;
/** The form of activations with 16 bits each. */
const WORDS = 2;

/** Bytes of a panel's values. */
const valueBytes = (inner: number): number => Math.ceil(inner / 4) * 4 * PANEL;

/** Bytes of a panel of 16 columns of a weight for `productInt8`. */
export function int8PanelBytes(inner: number): number {
  return valueBytes(inner) + RECORD;
}

/** Bytes of a row of activations that `quantizeRows` writes. */
export function int8RowBytes(inner: number, form: number): number {
  const values = Math.ceil(inner / 16) * 16;
  return HEADER + values * (form === WORDS ? 2 : 1);
}

/** The form of activations that this processor multiplies fastest and exactly. */
export function int8Form({ pool, memory }: Int8Runtime): number {
  const out = memory.allocate(4);
  pool.kernels.probeDot(out, 0, 1);
  const form = at(memory.integers(out, 1), 0);
  memory.free(out);
  return form;
}

interface Int8Runtime {
  readonly pool: ThreadPool;
  readonly memory: WasmMemory;
}

/** What belongs to the columns of a weight [inner, outer]. */
export interface Int8Columns {
  readonly inner: number;
  readonly outer: number;
  /** Whether the stored bytes have a sign. */
  readonly signed: boolean;
  /** For each column, or one for all. */
  readonly scales: Float32Array;
  /** As stored; for each column, or one for all. */
  readonly zeros: ArrayLike<number>;
}

/** Completes the panels at `address` after `packInt8`. */
export function writeInt8Scales(
  memory: WasmMemory,
  address: number,
  { inner, outer, signed, scales, zeros }: Int8Columns,
): void {
  const panels = Math.ceil(outer / PANEL);
  const bytes = int8PanelBytes(inner);
  for (let panel = 0; panel < panels; panel++) {
    const record = address + panel * bytes + valueBytes(inner);
    const scaleView = memory.floats(record + 4 * PANEL, PANEL);
    const zeroView = memory.integers(record + 8 * PANEL, PANEL);
    for (let i = 0; i < PANEL; i++) {
      const column = Math.min(panel * PANEL + i, outer - 1);
      scaleView[i] = at(scales, scales.length === 1 ? 0 : column);
      const zero = at(zeros, zeros.length === 1 ? 0 : column);
      zeroView[i] = signed ? zero : zero - 128;
    }
  }
}

import {
  describeEpilogue,
  type Activation,
  type Epilogue,
} from "../../../kernels/epilogue";
import type { StorageType } from "../../../kernels/storage-type";
import type { Variant } from "../../../kernels/variant";
import type { Program, Range } from "./program";

/** What a command of the runtime computes, in terms of our kernels. */
export interface Operation {
  readonly name: string;
  /** Operations alike: what is chosen for one is chosen for all. */
  readonly kind: string;
  readonly type: StorageType;
  readonly variants: (limits: GPUSupportedLimits) => Variant[];
  readonly size: Uint32Array<ArrayBuffer>;
  /** As our kernel binds them, before its uniform; other outputs follow. */
  readonly ranges: readonly Range[];
  /** What a trial fills with noise: all that is no weight. */
  readonly varied: readonly Range[];
  /** What a trial writes elsewhere, as the runtime's commands expect it. */
  readonly given?: readonly {
    readonly range: Range;
    readonly words: readonly number[];
  }[];
  /** Each begins with `results` numbers; the first is the last of `ranges`. */
  readonly outputs: readonly Range[];
  readonly results: number;
}

/** Prompts have any number of rows; one trial serves those up to four times as
 * many, among which the same tiles fit. */
export function alike(rows: number): number {
  const few = [1, 3, 7, 31].find((most) => rows <= most);
  return few ?? 2 * 4 ** (Math.floor(Math.log2(rows / 2) / 2) + 1) - 1;
}

/** Of an operation's name. */
export function wordsOf(of: Epilogue, type: StorageType): string {
  return [...describeEpilogue(of), type].join(" ");
}

/** Undefined for what our kernels do not have. */
export function epilogueOf({ code }: Program): Activation | undefined {
  const assigned = code.matchAll(/^\s*value = (?!value \+ |get_)(.*);$/gm);
  const [activation = "", ...others] = [...assigned].map(([, text = ""]) =>
    text.replace(/\w+_(?:value|element)_t|vec4<\w+>|[() ]/g, ""),
  );
  return others.length === 0 ? ACTIVATIONS[activation] : undefined;
}

/** As the runtime writes them, without types, brackets and blanks. */
const ACTIVATIONS: Readonly<Record<string, Activation>> = {
  "": "none",
  "maxvalue,0": "relu",
  "1/1+exp-value": "sigmoid",
  "0.5*value*1+fused_act_erfvalue*0.70710677": "gelu",
};

/** Of the buffers of those names, or of all. */
export function typeOf(
  { code }: Program,
  names?: readonly string[],
): StorageType | undefined {
  const types = code.matchAll(
    /var<storage, read\w*> (\w+): array<([\w<>]+)>;/g,
  );
  const scalars = [...types]
    .filter(([, name = ""]) => names?.includes(name) ?? true)
    .map(([, , type = ""]) => type.replace(/vec\d<(\w+)>/, "$1"));
  if (scalars.every((scalar) => scalar === "f32")) return "float32";
  return scalars.every((scalar) => scalar === "f16") ? "float16" : undefined;
}

export function holds(
  ranges: readonly Range[],
  type: StorageType,
  counts: readonly number[],
): boolean {
  const bytes = type === "float32" ? 4 : 2;
  return ranges.every(({ size }, i) => {
    const needed = (counts[i] ?? 0) * bytes;
    return needed > 0 && size >= needed;
  });
}

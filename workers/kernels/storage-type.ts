/** How floats lie in buffers; all sums are of 32 bits. */
export type StorageType = "float32" | "float16";

/** What a shader with `Stored` in it begins with. */
export function storageType(type: StorageType): string {
  return type === "float32"
    ? "alias Stored = f32;\n"
    : "enable f16;\nalias Stored = f16;\n";
}

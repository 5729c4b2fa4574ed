// @ts-check
/**
 * The file name of a record: the adapter, and everything that is not nano with its
 * default size and dtypes, so that different runs have different names.
 * @param {{ device: string, adapter: string, model: string, size: number }} record
 * @param {{ size?: string | undefined, dtype?: string | undefined }} asked
 */
export function recordName({ device, adapter, model, size }, asked) {
  const defaultSize = Number(asked.size ?? 0) === 0;
  const { dtype = "auto" } = asked;
  return [
    device === "wasm" ? "wasm" : adapter,
    ...(model === "nano" && defaultSize ? [] : [model, size]),
    ...(dtype === "auto" ? [] : [dtype]),
  ]
    .join(" ")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");
}

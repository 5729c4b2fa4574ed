// @ts-check
/**
 * The name of a record's file: the adapter, and what is not nano at its own side
 * in its own dtypes, so that no run takes another's place.
 * @param {{ device: string, adapter: string, model: string, size: number }} record
 * @param {{ size?: string | undefined, dtype?: string | undefined }} asked
 */
export function recordName({ device, adapter, model, size }, asked) {
  const ownSide = Number(asked.size ?? 0) === 0;
  const { dtype = "auto" } = asked;
  return [
    device === "wasm" ? "wasm" : adapter,
    ...(model === "nano" && ownSide ? [] : [model, size]),
    ...(dtype === "auto" ? [] : [dtype]),
  ]
    .join(" ")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");
}

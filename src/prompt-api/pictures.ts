import { picturesOf, type Source } from "../session/picture";

/** Pictures as they are now, which stay what they are: the session knows each
 * of them again and encodes it once. */
export async function takePictures(
  values: readonly unknown[],
  signal: AbortSignal,
): Promise<readonly ImageBitmap[]> {
  const sources = await Promise.all(values.map(sourceOf));
  const pictures = await picturesOf(sources, signal);
  return pictures.map(({ bitmap }) => bitmap);
}

async function sourceOf(value: unknown): Promise<Source> {
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) {
    return new Blob([value as BufferSource]);
  }
  if (value instanceof HTMLImageElement && !value.complete) {
    // One that fails has no size, which is told of below.
    await value.decode().catch(() => undefined);
  }
  if (value instanceof SVGImageElement) return createImageBitmap(value);
  return value as Source;
}

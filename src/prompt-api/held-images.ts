/** How many sessions and prompts hold an image. */
const holders = new WeakMap<ImageBitmap, number>();

export function holdImages(images: readonly ImageBitmap[]): void {
  for (const image of images) holders.set(image, (holders.get(image) ?? 0) + 1);
}

/** Closes the images that are no longer held. */
export function releaseImages(images: readonly ImageBitmap[]): void {
  for (const image of images) {
    const count = (holders.get(image) ?? 1) - 1;
    holders.set(image, count);
    if (count === 0) image.close();
  }
}

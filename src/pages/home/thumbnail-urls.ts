/** URLs of thumbnails, as long as they are shown. */
export class ThumbnailUrls {
  readonly #urls = new Map<Blob, string>();

  get(thumbnail: Blob): string {
    const known = this.#urls.get(thumbnail);
    if (known) return known;
    const url = URL.createObjectURL(thumbnail);
    this.#urls.set(thumbnail, url);
    return url;
  }

  /** Frees the others. */
  keepOnly(thumbnails: readonly (Blob | undefined)[]): void {
    for (const [thumbnail, url] of this.#urls) {
      if (thumbnails.includes(thumbnail)) continue;
      URL.revokeObjectURL(url);
      this.#urls.delete(thumbnail);
    }
  }
}

let names = 0;

/**
 * An id that is unique on this page. The worker recognises images by their ids,
 * and several users share one worker.
 */
export function newImageId(): string {
  names += 1;
  return `picture ${names}`;
}

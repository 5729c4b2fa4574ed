let names = 0;

/**
 * A name that no other picture of this page has: the worker knows pictures by
 * their names, and several users of it share one.
 */
export function newImageId(): string {
  names += 1;
  return `picture ${names}`;
}

/** Returns `value`, or throws if it is missing, which would be a bug. */
export function defined<T>(value: T | null | undefined, name: string): T {
  if (value === null || value === undefined) throw new Error(`No ${name}.`);
  return value;
}

/** Returns `value`, or throws if it is missing, which would be a bug. */
export function defined<T>(value: T | null | undefined, name: string): T {
  if (value === null || value === undefined) throw new Error(`No ${name}.`);
  return value;
}

/** `values[index]`; negative indices count from the end. Throws if there is no
 * such element. Not for inner loops: use `?? NaN` there. */
export function at<T>(values: ArrayLike<T>, index: number): T {
  const value = values[index < 0 ? values.length + index : index];
  if (value !== undefined) return value;
  throw new RangeError(`No element ${index} in ${values.length} elements`);
}

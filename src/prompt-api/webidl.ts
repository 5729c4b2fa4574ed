/** What is given for options, as the platform reads it: null and nothing are
 * none; throws TypeError for what is no object. */
export function dictionary<T extends object>(value: T): T {
  const given: unknown = value ?? {};
  if (typeof given === "object" || typeof given === "function")
    return given as T;
  throw new TypeError("Options must be an object.");
}

/** Any list, as an array; throws TypeError for what is none. */
export function sequence<T>(value: Iterable<T>, what: string): T[] {
  const given: unknown = value;
  if (typeof given === "object" && given && Symbol.iterator in given) {
    return [...value];
  }
  throw new TypeError(`${what} must be a list.`);
}

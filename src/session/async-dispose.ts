const { asyncDispose: name = Symbol.for("Symbol.asyncDispose") } = Symbol as {
  readonly asyncDispose?: symbol;
};

/**
 * The method name of `await using`. Without platform support it is the name that
 * compilers fall back to.
 */
export const asyncDispose: typeof Symbol.asyncDispose =
  name as typeof Symbol.asyncDispose;

/**
 * The method name of `await using`. Without platform support it is the name that
 * compilers fall back to.
 */
export const asyncDispose: typeof Symbol.asyncDispose = nameIn(Symbol);

export function nameIn(symbols: {
  readonly asyncDispose?: symbol;
}): typeof Symbol.asyncDispose {
  const name = symbols.asyncDispose ?? Symbol.for("Symbol.asyncDispose");
  return name as typeof Symbol.asyncDispose;
}

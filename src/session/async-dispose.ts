/**
 * The name of the method behind `await using`. Where the platform has none yet,
 * the one that what compiles it falls back to.
 */
export const asyncDispose: typeof Symbol.asyncDispose = nameIn(Symbol);

export function nameIn(symbols: {
  readonly asyncDispose?: symbol;
}): typeof Symbol.asyncDispose {
  const name = symbols.asyncDispose ?? Symbol.for("Symbol.asyncDispose");
  return name as typeof Symbol.asyncDispose;
}

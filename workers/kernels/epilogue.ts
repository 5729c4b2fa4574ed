import epilogueCode from "./epilogue.wgsl?raw";

/** What follows the sum. */
export interface Epilogue {
  readonly bias: boolean;
  readonly gelu: boolean;
  /** Whether something of the result's size is added at the end. */
  readonly skip?: boolean;
}

export { epilogueCode };

/** As epilogue.wgsl has them. */
export function flagsOf({ bias, gelu, skip = false }: Epilogue): number {
  return (bias ? 1 : 0) | (gelu ? 2 : 0) | (skip ? 4 : 0);
}

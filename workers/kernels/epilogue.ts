import epilogueCode from "./epilogue.wgsl?raw";

export { epilogueCode };

export type Activation = "none" | "relu" | "sigmoid" | "gelu";

/** What follows the sum. */
export interface Epilogue {
  readonly bias: boolean;
  readonly activation: Activation;
  /** Whether something of the result's size is added at the end. */
  readonly skip?: boolean;
}

const FLAGS: Readonly<Record<Activation, number>> = {
  none: 0,
  relu: 4,
  sigmoid: 8,
  gelu: 16,
};

/** As epilogue.wgsl has them. */
export function flagsOf({ bias, activation, skip = false }: Epilogue): number {
  return (bias ? 1 : 0) | (skip ? 2 : 0) | FLAGS[activation];
}

/** In words, where there is anything. */
export function describeEpilogue(of: Epilogue): string[] {
  const { bias, activation, skip = false } = of;
  return [
    ...(bias ? ["bias"] : []),
    ...(activation === "none" ? [] : [activation]),
    ...(skip ? ["skip"] : []),
  ];
}

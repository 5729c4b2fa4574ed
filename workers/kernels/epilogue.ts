export type Activation = "none" | "relu" | "sigmoid" | "gelu";

/** What follows a sum: activation(sum + bias) + skip. */
export interface Epilogue {
  readonly bias: boolean;
  readonly activation: Activation;
  /** Whether an input of the size of the result is added at the end. */
  readonly skip?: boolean;
}

const FLAGS: Readonly<Record<Activation, number>> = {
  none: 0,
  relu: 4,
  sigmoid: 8,
  gelu: 16,
};

/** The flags of epilogue.wgsl. */
export function epilogueFlags({
  bias,
  activation,
  skip = false,
}: Epilogue): number {
  return (bias ? 1 : 0) | (skip ? 2 : 0) | FLAGS[activation];
}

/** The words for what the epilogue has. */
export function describeEpilogue(epilogue: Epilogue): string[] {
  const { bias, activation, skip = false } = epilogue;
  return [
    ...(bias ? ["bias"] : []),
    ...(activation === "none" ? [] : [activation]),
    ...(skip ? ["skip"] : []),
  ];
}

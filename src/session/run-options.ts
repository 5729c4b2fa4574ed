import { badOption, choose } from "./load-options";
import type {
  GenerateOptions,
  Fit,
  PromptStyle,
  Sampling,
} from "../shared/protocol";

/** How pictures are looked at and answers are made, as people name it. */
export interface NamedRun {
  readonly style: string;
  readonly fit: string;
  readonly anyres: boolean;
  readonly size: number;
  readonly maxTokens: number;
  /** What is left out is greedy. */
  readonly sampling: Partial<Sampling>;
  readonly draft: boolean;
  readonly gate: number;
}

const greedy: Sampling = {
  temperature: 0,
  topK: 0,
  topP: 1,
  repetitionPenalty: 1,
  seed: 0,
};

const fits: readonly Fit[] = ["letterbox", "crop", "stretch"];
const styles: readonly PromptStyle[] = ["reference", "demo"];

/** Of the encoder's input. Throws `bad-option`. */
export function checkSide(size: number): void {
  if (size > 0 && size % 64 === 0) return;
  throw badOption(
    `The encoder cannot take pictures of side ${size}.`,
    "Choose a multiple of 64.",
  );
}

/** Throws `bad-option`, naming the first that cannot be. */
export function runOptions({
  style,
  fit,
  size,
  maxTokens,
  sampling,
  ...rest
}: NamedRun): Omit<GenerateOptions, "messages"> {
  checkSide(size);
  if (!(Number.isInteger(maxTokens) && maxTokens > 0)) {
    throw badOption(
      `An answer cannot have ${maxTokens} tokens at most.`,
      "Choose a whole number above 0.",
    );
  }
  if (!(rest.gate >= 0 && rest.gate <= 1)) {
    throw badOption(
      `The gate cannot be ${rest.gate}.`,
      "Choose a number from 0, which is off, to 1.",
    );
  }
  return {
    promptStyle: choose("prompt style", style, styles),
    fit: choose("fit", fit, fits),
    size,
    maxTokens,
    sampling: { ...greedy, ...sampling },
    ...rest,
  };
}

import { sequence } from "./webidl";
import type { Sampling } from "../shared/protocol";
import type {
  LanguageModelCoreOptions,
  LanguageModelExpected,
  LanguageModelParams,
} from "./types";

export const params: LanguageModelParams = {
  defaultTopK: 1,
  maxTopK: 128,
  defaultTemperature: 0,
  maxTemperature: 2,
};

/** Those that the language model of FastVLM was trained for. */
const languages = "en zh fr es pt de it ru ja ko vi th ar".split(" ");
const types = ["text", "image", "audio", "tool-call", "tool-response"];

export interface ResolvedCreateOptions {
  /** Whether messages may have pictures. */
  readonly images: boolean;
  readonly sampling: Pick<Sampling, "temperature" | "topK">;
  /** Why no session can be so; absent if one can. */
  readonly obstacle?: string;
}

/** Throws TypeError or RangeError for what is not even an option. */
export function readCreateOptions({
  temperature,
  topK,
  expectedInputs = [],
  expectedOutputs = [],
  tools = [],
}: LanguageModelCoreOptions): ResolvedCreateOptions {
  const inputs = sequence(expectedInputs, "expectedInputs");
  const outputs = sequence(expectedOutputs, "expectedOutputs");
  const obstacle =
    obstacleOf("input", inputs, ["text", "image"]) ??
    obstacleOf("output", outputs, ["text"]) ??
    (sequence(tools, "tools").length > 0
      ? "Tools are not supported."
      : undefined) ??
    ((temperature === undefined) === (topK === undefined)
      ? undefined
      : "Give both temperature and topK, or neither.");
  return {
    images: inputs.some(({ type }) => type === "image"),
    sampling: {
      temperature: between(
        "temperature",
        temperature ?? params.defaultTemperature,
        0,
        params.maxTemperature,
      ),
      topK: Math.floor(
        between("topK", topK ?? params.defaultTopK, 1, params.maxTopK),
      ),
    },
    ...(obstacle !== undefined && { obstacle }),
  };
}

/** What is too much becomes the most there is. */
function between(
  name: string,
  value: number,
  least: number,
  most: number,
): number {
  if (value >= least) return Math.min(value, most);
  throw new RangeError(`${name} must be ${least} or more.`);
}

function obstacleOf(
  what: string,
  expected: readonly LanguageModelExpected[],
  supported: readonly string[],
): string | undefined {
  let obstacle: string | undefined;
  for (const { type, languages: tags = [] } of expected) {
    if (!types.includes(type)) {
      throw new TypeError(`The type of an expected ${what} is unknown.`);
    }
    if (!supported.includes(type)) {
      obstacle ??= `The model takes no ${type} as ${what}.`;
    }
    // Throws RangeError for what is no tag.
    for (const tag of Intl.getCanonicalLocales(sequence(tags, "languages"))) {
      const { language } = new Intl.Locale(tag);
      if (languages.includes(language)) continue;
      obstacle ??= `The model does not know the language ${tag}.`;
    }
  }
  return obstacle;
}

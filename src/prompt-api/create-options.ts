import { environmentRules, modelRules } from "../session/options";
import {
  isIterable,
  requestRules,
  sizeRule,
  type OptionRule,
} from "../shared/options";
import type { Sampling } from "../shared/protocol";
import type {
  LanguageModelCoreOptions,
  LanguageModelExpected,
  LanguageModelParams,
  LanguageModelSettings,
} from "./types";

/** The settings that choose a model. */
export const modelSettings = { ...modelRules, size: sizeRule } as const;

/** The settings that apply to images. */
export const imageSettings = {
  fit: requestRules.fit,
  background: requestRules.background,
  anyres: requestRules.anyres,
  promptStyle: requestRules.promptStyle,
  size: sizeRule,
} as const;

export const settingsRules = {
  ...environmentRules,
  ...modelSettings,
  ...imageSettings,
} as const satisfies Record<keyof LanguageModelSettings, OptionRule>;

export const params: LanguageModelParams = {
  defaultTopK: 1,
  maxTopK: 128,
  defaultTemperature: 0,
  maxTemperature: 2,
};

/** Languages that FastVLM's language model was trained for. */
const languages = "en zh fr es pt de it ru ja ko vi th ar".split(" ");
const types = ["text", "image", "audio", "tool-call", "tool-response"];

export interface ResolvedCreateOptions {
  /** Whether messages may contain images. */
  readonly images: boolean;
  readonly sampling: Pick<Sampling, "temperature" | "topK">;
  /** Why no session can support the options; absent if one can. */
  readonly unsupported?: string;
}

/** @throws TypeError or RangeError for invalid options */
export function readCreateOptions({
  temperature,
  topK,
  expectedInputs = [],
  expectedOutputs = [],
  tools = [],
}: LanguageModelCoreOptions): ResolvedCreateOptions {
  const inputs = sequence(expectedInputs, "expectedInputs");
  const outputs = sequence(expectedOutputs, "expectedOutputs");
  const unsupported =
    unsupportedIn("input", inputs, ["text", "image"]) ??
    unsupportedIn("output", outputs, ["text"]) ??
    (sequence(tools, "tools").length > 0
      ? "Tools are not supported."
      : undefined) ??
    ((temperature === undefined) === (topK === undefined)
      ? undefined
      : "Set both temperature and topK, or neither.");
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
    ...(unsupported !== undefined && { unsupported }),
  };
}

/** Clamps to the maximum. @throws RangeError below the minimum */
function between(
  name: string,
  value: number,
  min: number,
  max: number,
): number {
  if (value >= min) return Math.min(value, max);
  throw new RangeError(`${name} must be at least ${min}, not ${value}.`);
}

function unsupportedIn(
  direction: "input" | "output",
  expected: readonly LanguageModelExpected[],
  supported: readonly string[],
): string | undefined {
  let unsupported: string | undefined;
  for (const { type, languages: tags = [] } of expected) {
    if (!types.includes(type)) {
      throw new TypeError(
        `Unknown type of an expected ${direction}: ${String(type)}.`,
      );
    }
    if (!supported.includes(type)) {
      unsupported ??= `The model does not support ${type} as ${direction}.`;
    }
    // Throws RangeError for an invalid tag.
    for (const tag of Intl.getCanonicalLocales(sequence(tags, "languages"))) {
      const { language } = new Intl.Locale(tag);
      if (languages.includes(language)) continue;
      unsupported ??= `The model does not support the language ${tag}.`;
    }
  }
  return unsupported;
}

/** Converts a WebIDL dictionary: null and undefined are empty. @throws TypeError */
export function dictionary<T extends object>(value: T): T {
  const given: unknown = value ?? {};
  if (typeof given === "object" || typeof given === "function")
    return given as T;
  throw new TypeError("Options must be an object.");
}

/** Converts a WebIDL sequence to an array. @throws TypeError */
export function sequence<T>(value: Iterable<T>, what: string): T[] {
  if (isIterable(value)) return [...value];
  throw new TypeError(`${what} must be a list.`);
}

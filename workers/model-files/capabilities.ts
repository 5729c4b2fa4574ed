import type { ModelCapabilities } from "../../src/shared/models";
import {
  describeValue,
  isObject,
  isSize,
  sizeRule,
} from "../../src/shared/options";
import { mismatch, type Json } from "./config";

/** FastVLM was trained on general questions. */
const QUESTIONS = [
  "Describe the image.",
  "What is the main subject?",
  "Read the text in the image.",
];

/** FastVLM answers at these fractions of the size it was trained for. */
const FRACTIONS = [1 / 4, 1 / 2, 3 / 4, 1, 3 / 2];

/** Reads the optional section `fast_vlm` of config.json; `size` is the encoder
 * input size that the model was trained for. */
export function readCapabilities(
  config: Json,
  size: number,
): ModelCapabilities {
  const section = config["fast_vlm"] ?? {};
  if (!isObject(section)) throw wrong("fast_vlm", section, "an object");
  const multiTurn = section["multi_turn"] ?? true;
  if (typeof multiTurn !== "boolean") {
    throw wrong("fast_vlm.multi_turn", multiTurn, "true or false");
  }
  const { questions, sizes } = section;
  return {
    multiTurn,
    questions: list("questions", questions ?? QUESTIONS, isQuestion, "a text"),
    sizes: list("sizes", sizes ?? usualSizes(size), isSize, sizeRule.expected),
  };
}

function usualSizes(size: number): number[] {
  return FRACTIONS.map((fraction) => fraction * size).filter(isSize);
}

function isQuestion(value: unknown): value is string {
  return typeof value === "string" && value.trim() !== "";
}

function list<T>(
  name: string,
  values: unknown,
  accepts: (value: unknown) => value is T,
  expected: string,
): readonly T[] {
  if (!Array.isArray(values)) throw wrong(`fast_vlm.${name}`, values, "a list");
  return values.map((value: unknown, at) => {
    if (accepts(value)) return value;
    throw wrong(`fast_vlm.${name}[${at}]`, value, expected);
  });
}

function wrong(name: string, value: unknown, expected: string) {
  return mismatch(
    `config.json: ${name} is ${describeValue(value)}, not ${expected}.`,
  );
}

import { compileJsonSchema, type JsonState } from "structured-output/json";
import { compileRegex } from "structured-output/regex";
import { numberOf } from "./numbers";
import { afterByte, DEAD, type Utf8 } from "./utf8";
import { jsonWayOut, shortestWayOut } from "./way-out";

/** Reads an answer byte by byte. A spot is where it stands: never changed. */
export interface Machine<Spot> {
  readonly initial: Spot;
  /** Undefined where the byte leads nowhere. */
  step(spot: Spot, byte: number): Spot | undefined;
  /** Whether the answer may end. */
  accepting(spot: Spot): boolean;
  /** How many characters may come, none of them `"`, `\` or a control character,
   * and nothing else about them matters; 0 if it does. */
  freely(spot: Spot): number;
  /** Bytes by which the answer may end soon, if some are found. */
  wayOut(spot: Spot): readonly number[] | undefined;
}

interface JsonSpot {
  readonly state: JsonState;
  readonly utf8: Utf8;
  /** White space that has come, byte by byte. */
  readonly blanks: number;
  /** The byte before that. */
  readonly last: number;
}

/** Enough to indent what is nested; nobody needs it for ever. */
const MOST_BLANKS = 16;

/** Throws where the schema is none, or has what is not supported. */
export function jsonMachine(schema: unknown): Machine<JsonSpot> {
  const library = compileJsonSchema(schema);
  const { initial } = library;
  const readers = new Map<unknown, (text: string) => boolean>();
  const mayBe = ({ mode, schema, text = "" }: JsonState): boolean => {
    if (mode !== "number") return true;
    const reader = readers.get(schema) ?? numberOf(schema);
    readers.set(schema, reader);
    return reader(text);
  };
  const isText = ({ state }: JsonSpot): boolean =>
    /string|escape|unicode/.test(state.mode);
  const machine: Machine<JsonSpot> = {
    // None comes before the answer.
    initial: { state: initial, utf8: 0, blanks: MOST_BLANKS, last: 0 },
    step({ state, utf8, blanks, last }, byte) {
      const after = afterByte(utf8, byte);
      if (after === DEAD || isLoose(state, last, byte)) return undefined;
      const next = library.transition(state, byte);
      if (!library.viable(next) || !mayBe(next)) return undefined;
      if (next !== state) {
        return { state: next, utf8: after, blanks: 0, last: byte };
      }
      const more = state.mode !== "done" && blanks < MOST_BLANKS;
      return more ? { state, utf8, blanks: blanks + 1, last } : undefined;
    },
    accepting: ({ state, utf8 }) => utf8 === 0 && library.accepting(state),
    freely: ({ state, utf8 }) =>
      utf8 === 0 ? (library.stringCapacity(state) ?? 0) : 0,
    wayOut: (spot) => jsonWayOut(machine, spot, isText),
  };
  return machine;
}

/** An end after a comma, which the library lets come. */
function isLoose({ mode }: JsonState, last: number, byte: number): boolean {
  const ends = byte === 0x7d || byte === 0x5d;
  return ends && last === 0x2c && /^(object-key|array-value)$/.test(mode);
}

interface RegexSpot {
  readonly state: number;
  readonly utf8: Utf8;
}

/** Throws where the pattern has what is not supported. */
export function regexMachine(pattern: string): Machine<RegexSpot> {
  const library = compileRegex(pattern);
  const ways = new Map<number, readonly number[] | undefined>();
  const keyOf = ({ state, utf8 }: RegexSpot): number => 8 * state + utf8;
  const machine: Machine<RegexSpot> = {
    initial: { state: library.initial, utf8: 0 },
    step({ state, utf8 }, byte) {
      const after = afterByte(utf8, byte);
      if (after === DEAD) return undefined;
      const next = library.transition(state, byte);
      return library.viable(next) ? { state: next, utf8: after } : undefined;
    },
    accepting: ({ state, utf8 }) => utf8 === 0 && library.accepting(state),
    freely: () => 0,
    wayOut: (spot) => {
      const key = keyOf(spot);
      if (!ways.has(key)) ways.set(key, shortestWayOut(machine, spot, keyOf));
      return ways.get(key);
    },
  };
  return machine;
}

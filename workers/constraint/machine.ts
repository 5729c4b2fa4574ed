import { compileRegex } from "structured-output/regex";
import { afterByte, DEAD, type Utf8 } from "./utf8";
import { shortestWayOut } from "./way-out";

/** Reads an answer byte by byte. A spot is where it stands: never changed. */
export interface Machine<Spot> {
  readonly initial: Spot;
  /** Undefined where the byte leads nowhere. */
  step(spot: Spot, byte: number): Spot | undefined;
  /** Equal keys: the same may come. */
  key(spot: Spot): string;
  /** Whether somebody else may write this byte here, to no effect. */
  ignores(spot: Spot, byte: number): boolean;
  /** Whether the answer may end. */
  accepting(spot: Spot): boolean;
  /** How many characters may come, none of them `"`, `\` or a control character,
   * and nothing else about them matters; 0 if it does. */
  freely(spot: Spot): number;
  /** Bytes by which the answer may end soon, if some are found. */
  wayOut(spot: Spot): readonly number[] | undefined;
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
    key: (spot) => `${keyOf(spot)}`,
    ignores: () => false,
    freely: () => 0,
    wayOut: (spot) => {
      const key = keyOf(spot);
      if (!ways.has(key)) ways.set(key, shortestWayOut(machine, spot, keyOf));
      return ways.get(key);
    },
  };
  return machine;
}

import { compileRegex } from "structured-output/regex";
import type { Machine } from "./machine";
import { afterByte, DEAD, type Utf8 } from "./utf8";

interface RegexState {
  /** The library's state. */
  readonly inner: number;
  readonly utf8: Utf8;
}

/** Throws where the pattern has what is not supported. */
export function regexMachine(pattern: string): Machine<RegexState> {
  const library = compileRegex(pattern);
  const ways = new Map<number, readonly number[] | undefined>();
  const machine: Machine<RegexState> = {
    initial: { inner: library.initial, utf8: 0 },
    step({ inner, utf8 }, byte) {
      const after = afterByte(utf8, byte);
      if (after === DEAD) return undefined;
      const next = library.transition(inner, byte);
      return library.viable(next) ? { inner: next, utf8: after } : undefined;
    },
    accepting: ({ inner, utf8 }) => utf8 === 0 && library.accepting(inner),
    key: (state) => `${keyOf(state)}`,
    ignores: () => false,
    freely: () => 0,
    wayOut: (state) => {
      const key = keyOf(state);
      if (!ways.has(key)) ways.set(key, shortestWayOut(machine, state));
      return ways.get(key);
    },
  };
  return machine;
}

function keyOf({ inner, utf8 }: RegexState): number {
  return 8 * inner + utf8;
}

function shortestWayOut(
  machine: Pick<Machine<RegexState>, "step" | "accepting">,
  from: RegexState,
): number[] | undefined {
  const seen = new Set([keyOf(from)]);
  let edge: { state: RegexState; way: number[] }[] = [{ state: from, way: [] }];
  while (edge.length > 0) {
    const further: typeof edge = [];
    for (const { state, way } of edge) {
      if (machine.accepting(state)) return way;
      for (let byte = 0; byte < 256; byte++) {
        const next = machine.step(state, byte);
        if (next === undefined || seen.has(keyOf(next))) continue;
        seen.add(keyOf(next));
        further.push({ state: next, way: [...way, byte] });
      }
    }
    edge = further;
  }
  return undefined;
}

import type { ByteAutomaton } from "./automaton";
import { nextUtf8State, INVALID_UTF8, type Utf8State } from "./utf8";
import { compileRegex } from "structured-output/regex";

interface RegexState {
  /** State of the library's automaton. */
  readonly inner: number;
  readonly utf8: Utf8State;
}

/** The automaton of a translated pattern that also rejects invalid UTF-8. */
export function regexAutomaton(pattern: string): ByteAutomaton<RegexState> {
  const library = compileRegex(pattern);
  const completions = new Map<number, readonly number[] | undefined>();
  const automaton: ByteAutomaton<RegexState> = {
    initial: { inner: library.initial, utf8: 0 },
    next({ inner, utf8 }, byte) {
      const nextUtf8 = nextUtf8State(utf8, byte);
      if (nextUtf8 === INVALID_UTF8) return undefined;
      const next = library.transition(inner, byte);
      return library.viable(next) ? { inner: next, utf8: nextUtf8 } : undefined;
    },
    accepting: ({ inner, utf8 }) => utf8 === 0 && library.accepting(inner),
    key: (state) => `${keyOf(state)}`,
    ignores: () => false,
    freeTextLength: () => 0,
    shortestCompletion: (state) => {
      const key = keyOf(state);
      if (!completions.has(key))
        completions.set(key, shortestPath(automaton, state));
      return completions.get(key);
    },
  };
  return automaton;
}

function keyOf({ inner, utf8 }: RegexState): number {
  return 8 * inner + utf8;
}

/** Breadth-first search for the nearest accepting state. */
function shortestPath(
  automaton: Pick<ByteAutomaton<RegexState>, "next" | "accepting">,
  from: RegexState,
): number[] | undefined {
  const seen = new Set([keyOf(from)]);
  let frontier: { state: RegexState; path: number[] }[] = [
    { state: from, path: [] },
  ];
  while (frontier.length > 0) {
    const next: typeof frontier = [];
    for (const { state, path } of frontier) {
      if (automaton.accepting(state)) return path;
      for (let byte = 0; byte < 256; byte++) {
        const after = automaton.next(state, byte);
        if (after === undefined || seen.has(keyOf(after))) continue;
        seen.add(keyOf(after));
        next.push({ state: after, path: [...path, byte] });
      }
    }
    frontier = next;
  }
  return undefined;
}

/** Accepts an answer byte by byte. States are immutable. */
export interface ByteAutomaton<State> {
  readonly initial: State;
  /** The state after a byte; undefined if no valid answer continues with it. */
  next(state: State, byte: number): State | undefined;
  /** States with equal keys accept the same continuations. */
  key(state: State): string;
  /** Whether a prefix may contain this byte here without changing the state. */
  ignores(state: State, byte: number): boolean;
  /** Whether the answer may end here. */
  accepting(state: State): boolean;
  /** How many arbitrary characters other than `"`, `\` and control characters may
   * follow; 0 if the grammar restricts them further. */
  freeTextLength(state: State): number;
  /** A short sequence of bytes that ends the answer; undefined if none is found. */
  shortestCompletion(state: State): readonly number[] | undefined;
}

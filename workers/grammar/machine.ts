/** Reads an answer byte by byte. A state is where it stands: never changed. */
export interface Machine<State> {
  readonly initial: State;
  /** Undefined where the byte leads nowhere. */
  step(state: State, byte: number): State | undefined;
  /** Equal keys: the same may come. */
  key(state: State): string;
  /** Whether somebody else may write this byte here, to no effect. */
  ignores(state: State, byte: number): boolean;
  /** Whether the answer may end. */
  accepting(state: State): boolean;
  /** How many characters may come, none of them `"`, `\` or a control character,
   * and nothing else about them matters; 0 if it does. */
  freely(state: State): number;
  /** Bytes by which the answer may end soon, if some are found. */
  wayOut(state: State): readonly number[] | undefined;
}

/** The parts of @huggingface/transformers-structured-output that are used here;
 * tools/cli/structured-output.mjs resolves them. */

declare module "structured-output/json" {
  /** Immutable; each byte gives a new state. */
  export interface JsonState {
    readonly mode: string;
  }

  /** Throws if the schema is invalid or uses an unsupported keyword. */
  export function compileJsonSchema(schema: unknown): {
    readonly initial: JsonState;
    transition(state: JsonState, byte: number): JsonState;
    viable(state: JsonState): boolean;
    accepting(state: JsonState): boolean;
  };
}

declare module "structured-output/regex" {
  /** Throws if the pattern uses an unsupported construct. */
  export function compileRegex(source: string): {
    readonly initial: number;
    transition(state: number, byte: number): number;
    viable(state: number): boolean;
    accepting(state: number): boolean;
  };
}

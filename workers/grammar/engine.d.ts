/** The engine of @huggingface/transformers-structured-output, as far as we use
 * it; tools/cli/structured-output.mjs finds it. */

declare module "structured-output/json" {
  /** Never changed, and new for each byte. */
  export interface JsonState {
    readonly mode: string;
  }

  /** Throws where the schema is none, or has what is not supported. */
  export function compileJsonSchema(schema: unknown): {
    readonly initial: JsonState;
    transition(state: JsonState, byte: number): JsonState;
    viable(state: JsonState): boolean;
    accepting(state: JsonState): boolean;
  };
}

declare module "structured-output/regex" {
  /** Throws where the pattern has what is not supported. */
  export function compileRegex(source: string): {
    readonly initial: number;
    transition(state: number, byte: number): number;
    viable(state: number): boolean;
    accepting(state: number): boolean;
  };
}

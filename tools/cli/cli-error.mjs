// @ts-check
/** An error with a code of src/shared/errors.ts. */
export class CliError extends Error {
  /** @param {import("../../src/shared/errors.ts").ErrorCode} code @param {string} message */
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

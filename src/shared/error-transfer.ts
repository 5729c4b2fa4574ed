import { VlmError, type ErrorCode } from "./errors";

/** The structured-clone form: Comlink keeps only name, message and stack. */
interface SerializedError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly advice: string;
  readonly stack: string | undefined;
}

interface ErrorHandler {
  canHandle(value: unknown): value is unknown;
  serialize(thrown: unknown): [SerializedError, never[]];
  deserialize(wire: unknown): never;
}

/** The part of Comlink's `transferHandlers` that is used here. */
interface TransferHandlers {
  get(name: "throw"): { canHandle(value: unknown): boolean } | undefined;
  set(name: "throw", handler: ErrorHandler): unknown;
}

/**
 * Makes Comlink transfer a `VlmError` with code and advice. Both threads call it
 * once, with Comlink's `transferHandlers`. Comlink marks a thrown value with a
 * symbol that it does not export; its own handler keeps recognising it, and only
 * the serialized form is replaced.
 */
export function transferErrors(handlers: TransferHandlers): void {
  const original = handlers.get("throw");
  if (original === undefined) throw new Error("Comlink has no throw handler");
  handlers.set("throw", {
    canHandle: (value): value is unknown => original.canHandle(value),
    serialize: (thrown) => [
      serialize((thrown as { value: unknown }).value),
      [],
    ],
    deserialize: (wire) => {
      throw deserialize(wire as SerializedError);
    },
  });
}

function serialize(thrown: unknown): SerializedError {
  const { code, message, advice, stack } = VlmError.from(thrown);
  return { code, message, advice, stack };
}

function deserialize(wire: SerializedError): VlmError {
  const error = new VlmError(wire.code, wire.message, wire.advice);
  if (wire.stack !== undefined) error.stack = wire.stack;
  return error;
}

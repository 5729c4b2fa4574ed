import {
  deserializeError,
  serializeError,
  type SerializedError,
} from "./errors";

interface ErrorHandler {
  canHandle(value: unknown): value is unknown;
  serialize(thrown: unknown): [SerializedError, never[]];
  deserialize(wire: unknown): never;
}

/** Comlink's `transferHandlers`, as much of it as is needed here. */
interface Handlers {
  get(name: "throw"): { canHandle(value: unknown): boolean } | undefined;
  set(name: "throw", handler: ErrorHandler): unknown;
}

/**
 * Makes Comlink carry `VlmError` whole. Both threads call it once, with
 * Comlink's `transferHandlers`. Comlink marks a thrown value with a symbol it
 * does not export, so its own handler goes on recognising it and only the form
 * on the wire is replaced.
 */
export function transferErrors(handlers: Handlers): void {
  const original = handlers.get("throw");
  if (original === undefined) throw new Error("Comlink has no throw handler");
  handlers.set("throw", {
    canHandle: (value): value is unknown => original.canHandle(value),
    serialize: (thrown) => [
      serializeError((thrown as { value: unknown }).value),
      [],
    ],
    deserialize: (wire) => {
      throw deserializeError(wire as SerializedError);
    },
  });
}

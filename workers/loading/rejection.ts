import { VlmError } from "../../src/shared/errors";
import { UnsupportedGraph } from "../backends/backend";

/** Why the WebGPU backend is not used. */
export interface Rejection {
  readonly kind: "rejected";
  /** Becomes `ModelInfo.backendReason`. */
  readonly reason: string;
  /** Whether another load of the same files would be rejected, too. */
  readonly permanent: boolean;
}

/** The rejection after the WebGPU backend failed with `error`. */
export function rejectionFor(error: unknown): Rejection {
  const { code, message, cause } = VlmError.from(error);
  return cause instanceof UnsupportedGraph
    ? {
        kind: "rejected",
        reason: `The WebGPU backend cannot run this model: ${message}`,
        permanent: true,
      }
    : {
        kind: "rejected",
        reason: `The WebGPU backend failed: ${message}`,
        permanent: code === "unsupported",
      };
}

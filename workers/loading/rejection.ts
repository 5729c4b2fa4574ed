import { VlmError } from "../../src/shared/errors";
import type { BackendName } from "../../src/shared/protocol";
import { UnsupportedGraph } from "../backends/backend";

/** A backend of our own, which has to pass the verification. */
export type OwnBackend = Exclude<BackendName, "ort">;

export const backendTitles: Readonly<Record<OwnBackend, string>> = {
  webgpu: "The WebGPU backend",
  wasm: "The WASM backend",
};

/** Why a backend of our own is not used. */
export interface Rejection {
  readonly kind: "rejected";
  /** Becomes `ModelInfo.backendReason`. */
  readonly reason: string;
  /** Whether another load of the same files would be rejected, too. */
  readonly permanent: boolean;
}

/** The rejection after `backend` failed with `error`. */
export function rejectionFor(error: unknown, backend: OwnBackend): Rejection {
  const title = backendTitles[backend];
  const { code, message, cause } = VlmError.from(error);
  return cause instanceof UnsupportedGraph
    ? {
        kind: "rejected",
        reason: `${title} cannot run this model: ${message}`,
        permanent: true,
      }
    : {
        kind: "rejected",
        reason: `${title} failed: ${message}`,
        permanent: code === "unsupported",
      };
}

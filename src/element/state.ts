import type { VlmError } from "../shared/errors";

/** The element's state, also as a CSS state: `:state(seeing)`. */
export type State =
  | "idle"
  | "loading"
  | "warming"
  | "ready"
  | "seeing"
  | "speaking"
  | "paused"
  | "failed";

/** The facts that determine the state. */
export interface Facts {
  /** Failure of the last operation. */
  readonly error: VlmError | undefined;
  /** The source gives no frames, but may recover by itself. */
  readonly interruption: VlmError | undefined;
  readonly loading: "loading" | "warming" | undefined;
  readonly loaded: boolean;
  readonly activity: "seeing" | "speaking" | undefined;
  readonly paused: boolean;
  /** Live captions are on. */
  readonly live: boolean;
}

export const noFacts: Facts = {
  error: undefined,
  interruption: undefined,
  loading: undefined,
  loaded: false,
  activity: undefined,
  paused: false,
  live: false,
};

export function stateOf(facts: Facts): State {
  if (facts.error) return "failed";
  if (facts.loading) return facts.loading;
  if (facts.activity) return facts.activity;
  if (facts.interruption) return "failed";
  if (facts.paused) return "paused";
  if (facts.live) return "seeing";
  return facts.loaded ? "ready" : "idle";
}

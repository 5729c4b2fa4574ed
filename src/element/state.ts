import type { VlmError } from "../shared/errors";

/** What a person can tell apart; also the element's `:state()`. */
export type State =
  | "idle"
  | "loading"
  | "warming"
  | "ready"
  | "seeing"
  | "speaking"
  | "paused"
  | "failed";

/** From which the state follows; each is set where it is known. */
export interface Facts {
  /** The last thing asked for failed. */
  readonly error: VlmError | undefined;
  /** The source gives no pictures, but may come back by itself. */
  readonly interruption: VlmError | undefined;
  readonly loading: "loading" | "warming" | undefined;
  readonly loaded: boolean;
  readonly activity: "seeing" | "speaking" | undefined;
  readonly paused: boolean;
  /** One caption follows another. */
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

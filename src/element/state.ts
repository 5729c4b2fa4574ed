import type { VlmError } from "../shared/errors";
import type { LoadProgress } from "../shared/protocol";

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

/** The conditions that determine the state. */
export interface Conditions {
  /** Failure of the last operation. */
  readonly error: VlmError | undefined;
  /** The source gives no frames, but may recover by itself. */
  readonly interruption: VlmError | undefined;
  /** Of the load in progress. */
  readonly progress: LoadProgress | undefined;
  readonly loaded: boolean;
  readonly activity: "seeing" | "speaking" | undefined;
  readonly paused: boolean;
  /** Live captions are on. */
  readonly live: boolean;
}

/** The state during each phase of a load. */
const loadStates = {
  loading: "loading",
  preparing: "loading",
  warming: "warming",
} as const satisfies Record<LoadProgress["phase"], State>;

export const initialConditions: Conditions = {
  error: undefined,
  interruption: undefined,
  progress: undefined,
  loaded: false,
  activity: undefined,
  paused: false,
  live: false,
};

export function stateOf(conditions: Conditions): State {
  const { error, progress, activity, interruption } = conditions;
  if (error) return "failed";
  if (progress) return loadStates[progress.phase];
  if (activity) return activity;
  if (interruption) return "failed";
  if (conditions.paused) return "paused";
  if (conditions.live) return "seeing";
  return conditions.loaded ? "ready" : "idle";
}

import { expect, test } from "vitest";
import { noProgress } from "../shared/protocol";
import { VlmError } from "../shared/errors";
import {
  initialConditions,
  stateOf,
  type Conditions,
  type State,
} from "./state";

const error = new VlmError("internal", "It broke.", "Mend it.");

const cases: readonly (readonly [State, Partial<Conditions>])[] = [
  ["idle", {}],
  ["ready", { loaded: true }],
  ["loading", { progress: noProgress, live: true }],
  ["warming", { progress: { ...noProgress, phase: "warming" }, paused: true }],
  ["seeing", { loaded: true, live: true }],
  ["seeing", { loaded: true, activity: "seeing", paused: true }],
  ["speaking", { loaded: true, activity: "speaking", live: true }],
  ["paused", { loaded: true, paused: true, live: true }],
  ["failed", { loaded: true, error, activity: "seeing" }],
  ["failed", { loaded: true, interruption: error, live: true }],
  ["speaking", { loaded: true, interruption: error, activity: "speaking" }],
];

test.each(cases)("%s follows from %o", (state, conditions) => {
  expect(stateOf({ ...initialConditions, ...conditions })).toBe(state);
});

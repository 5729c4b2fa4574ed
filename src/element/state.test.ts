import { expect, test } from "vitest";
import { VlmError } from "../shared/errors";
import { noFacts, stateOf, type Facts, type State } from "./state";

const error = new VlmError("internal", "It broke.", "Mend it.");

const cases: readonly (readonly [State, Partial<Facts>])[] = [
  ["idle", {}],
  ["ready", { loaded: true }],
  ["loading", { loading: "loading", live: true }],
  ["warming", { loading: "warming", paused: true }],
  ["seeing", { loaded: true, live: true }],
  ["seeing", { loaded: true, activity: "seeing", paused: true }],
  ["speaking", { loaded: true, activity: "speaking", live: true }],
  ["paused", { loaded: true, paused: true, live: true }],
  ["failed", { loaded: true, error, activity: "seeing" }],
  ["failed", { loaded: true, interruption: error, live: true }],
  ["speaking", { loaded: true, interruption: error, activity: "speaking" }],
];

test.each(cases)("%s follows from %o", (state, facts) => {
  expect(stateOf({ ...noFacts, ...facts })).toBe(state);
});

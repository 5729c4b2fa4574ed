import { expect, test } from "vitest";
import { VlmError } from "../../src/shared/errors";
import { UnsupportedGraph } from "../backends/backend";
import { rejectionFor } from "./rejection";

test("an unsupported graph is rejected permanently", () => {
  expect(
    rejectionFor(new UnsupportedGraph("the attention is odd"), "webgpu"),
  ).toEqual({
    kind: "rejected",
    reason: "The WebGPU backend cannot run this model: the attention is odd",
    permanent: true,
  });
});

test.each([
  ["permanent", new VlmError("unsupported", "It cannot be recorded.", "")],
  ["temporary", new VlmError("device-lost", "The GPU was lost.", "")],
  ["temporary", new Error("The GPU hangs.")],
])("the rejection is %s after %o", (lasting, error) => {
  expect(rejectionFor(error, "wasm")).toEqual({
    kind: "rejected",
    reason: `The WASM backend failed: ${error.message}`,
    permanent: lasting === "permanent",
  });
});

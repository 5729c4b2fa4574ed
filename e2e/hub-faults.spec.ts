import { testFailing, testPassing } from "./support/hub-faults.ts";
import { decoder as file, graphs, somewhere } from "./support/hub.ts";

testPassing(
  "cut connections",
  [
    // Unread bytes are lost when a connection breaks; at this rate few are.
    { kind: "slow", value: 4_000_000 },
    ...graphs.map((file) => {
      return { kind: "cut", value: somewhere(file), file, times: 1 } as const;
    }),
  ],
  3_000_000,
);
testPassing("missing range support", [{ kind: "no-ranges" }]);
testPassing("expired signatures", [
  { kind: "expired", file: "onnx/*", times: 3 },
]);
testPassing("answers without bytes", [
  { kind: "end", value: 0, file: "onnx/*", times: 3 },
]);
testPassing("temporary server errors", [
  { kind: "status", value: 500, file: "onnx/*", times: 3 },
  { kind: "status", value: 503, file: "api/**", times: 1 },
]);

testFailing("a corrupt byte", "model-corrupt", {
  kind: "flip",
  value: somewhere(file),
  file,
});
testFailing("a wrong hash in the file listing", "model-corrupt", {
  kind: "wrong-sha",
  file,
});
testFailing("a missing file", "model-file-missing", { kind: "missing", file });
testFailing("a failing server", "download-failed", {
  kind: "status",
  value: 500,
  file,
});

import { testFailing, testPassing } from "./support/hub-faults.ts";
import { decoder as file, sizeOf, somewhere } from "./support/hub.ts";

testPassing(
  "missing range support and a cut connection",
  [
    { kind: "no-ranges" },
    { kind: "cut", value: somewhere(file), file, times: 1 },
  ],
  sizeOf(file),
);
testPassing("a Content-Length that is too small", [
  { kind: "length", value: -999, file, times: 1 },
]);
testPassing(
  "a Content-Length that is too big",
  [{ kind: "length", value: 999, file, times: 1 }],
  3_000_000,
);
testPassing("a missing file listing", [{ kind: "no-api" }]);

const tokenizer = "tokenizer.json";
testFailing(
  "a corrupt byte without a file listing",
  "model-corrupt",
  { kind: "no-api" },
  // The ETag of the CDN is not a hash of the content.
  { kind: "direct" },
  { kind: "flip", value: somewhere(file), file },
);
testFailing("a corrupt byte in the tokenizer", "model-corrupt", {
  kind: "flip",
  value: somewhere(tokenizer),
  file: tokenizer,
});
testFailing("a size in the file listing that is too small", "model-corrupt", {
  kind: "wrong-size",
  value: -7,
  file,
});
testFailing("a size in the file listing that is too big", "model-corrupt", {
  kind: "wrong-size",
  value: 7,
  file,
});

import { testLanguages } from "../../testing/compare-languages";
import { other } from "../../testing/harness";

const nano = new URL("/models/nano/", location.href).href;

// ORT has other attention kernels for few positions than for many.
testLanguages("other", other, "fp32", [
  [1, 0, 0],
  [9, 4, 7],
  [14, 64, 30],
]);

// language-models.long.gpu.test.ts has its other prompts.
testLanguages("nano in q4", nano, "q4", [[14, 64, 30]]);

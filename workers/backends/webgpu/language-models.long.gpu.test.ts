import { testLanguages } from "../../testing/compare-languages";

const nano = new URL("/models/nano/", location.href).href;

testLanguages("nano in q4", nano, "q4", [
  [1, 0, 0],
  [9, 4, 7],
]);

/**
 * What the ORT backend answers about the test image, by the content of a model's files:
 * a first load of these models needs no ONNX Runtime to verify the WASM backend.
 * known-answers.gpu.test.ts computes both for the bundled model.
 */
export const knownAnswers: ReadonlyMap<string, readonly number[]> = new Map([
  // nano in fp32, and in q4
  [
    "d62a705ca8868ecc115f6f1c01e6aa58ea29c8010015a42f2f4a8e089032ced9",
    [32, 325, 299, 267, 256, 282, 269, 13],
  ],
  [
    "4a24997b53285e07acaa9b9239baf5091ea8b93ef9c4f1767098b8c20d60d656",
    [32, 325, 299, 267, 256, 282, 269, 13],
  ],
]);

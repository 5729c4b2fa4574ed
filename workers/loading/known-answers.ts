/**
 * What the ORT backend answers about the test image, by the content of a model's files:
 * a first load of these models needs no ONNX Runtime to verify the WASM backend.
 * known-answers.gpu.test.ts computes both for the bundled model.
 */
export const knownAnswers: ReadonlyMap<string, readonly number[]> = new Map([]);

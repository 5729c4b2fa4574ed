import { expect, test } from "vitest";
import { explainRunError } from "./session-errors";

const failure = (message: string) =>
  new Error(
    `failed to call OrtRun(). ERROR_CODE: 1, ERROR_MESSAGE: ${message}`,
  );

test("names the graph that ONNX Runtime failed to run", () => {
  expect(
    explainRunError(failure("Shape mismatch"), "onnx/a.onnx"),
  ).toMatchObject({
    code: "unsupported",
    message: "ONNX Runtime failed to run onnx/a.onnx: Shape mismatch.",
  });
});

test("leaves other errors as they are", () => {
  for (const error of [failure("std::bad_alloc"), new Error("device lost")]) {
    expect(explainRunError(error, "onnx/a.onnx")).toBe(error);
  }
});

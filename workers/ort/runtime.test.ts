import { statSync } from "node:fs";
import { expect, test } from "vitest";
import { WASM_BYTES } from "./runtime";

test.each(["jspi", "asyncify"] as const)(
  "knows the size of the .wasm file of the %s build",
  (build) => {
    const file = `node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.${build}.wasm`;
    expect(statSync(file).size).toBe(WASM_BYTES[build]);
  },
);

import { expect, test } from "vitest";
import { adapterName, reasonForWasm } from "./adapter";

const real = {
  vendor: "nvidia",
  architecture: "ampere",
  description: "",
  isFallbackAdapter: false,
};
const swiftshader = {
  vendor: "google",
  architecture: "swiftshader",
  description: "",
  isFallbackAdapter: true,
};

test("a real adapter is used", () => {
  expect(reasonForWasm("auto", real)).toBeUndefined();
  expect(adapterName(real)).toBe("nvidia ampere");
});

test("a software adapter is used only when asked for by name", () => {
  expect(reasonForWasm("webgpu", swiftshader)).toBeUndefined();
  expect(reasonForWasm("auto", swiftshader)).toContain("google swiftshader");
});

test("software is known by its name where the browser does not say so", () => {
  const names = [
    { architecture: "swiftshader" },
    { description: "llvmpipe (LLVM 15.0.6, 256 bits)" },
    { description: "Microsoft Basic Render Driver" },
  ];
  for (const name of names) {
    expect(reasonForWasm("auto", { ...real, ...name })).toContain("software");
  }
});

test("no adapter: WASM with a reason, or an error when asked by name", () => {
  expect(reasonForWasm("auto", undefined)).toContain("no WebGPU adapter");
  expect(() => reasonForWasm("webgpu", undefined)).toThrow(
    expect.objectContaining({ code: "webgpu-unavailable" }),
  );
});

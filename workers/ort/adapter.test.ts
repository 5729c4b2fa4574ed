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

test("uses a hardware adapter", () => {
  expect(reasonForWasm("auto", real)).toBeUndefined();
  expect(adapterName(real)).toBe("nvidia ampere");
});

test("uses a software adapter only for the device webgpu", () => {
  expect(reasonForWasm("webgpu", swiftshader)).toBeUndefined();
  expect(reasonForWasm("auto", swiftshader)).toContain("google swiftshader");
});

test("recognises software adapters by name", () => {
  const names = [
    { architecture: "swiftshader" },
    { description: "llvmpipe (LLVM 15.0.6, 256 bits)" },
    { description: "Microsoft Basic Render Driver" },
  ];
  for (const name of names) {
    expect(reasonForWasm("auto", { ...real, ...name })).toContain("software");
  }
});

test("without an adapter: uses WASM, or throws for the device webgpu", () => {
  expect(reasonForWasm("auto", undefined)).toContain("no WebGPU adapter");
  expect(() => reasonForWasm("webgpu", undefined)).toThrow(
    expect.objectContaining({ code: "webgpu-unavailable" }),
  );
});

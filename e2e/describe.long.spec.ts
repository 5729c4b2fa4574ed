import { expect, test } from "@playwright/test";
import { describe, prepare } from "./support/describe.ts";

test.beforeAll(prepare);

test("--device webgpu gives the same tokens as --device wasm", async () => {
  const args = ["0.png", "--json", "--max-tokens", "12"];
  const gpu = await describe(...args, "--device", "webgpu");
  const cpu = await describe(...args, "--device", "wasm");
  expect(gpu.err).toEqual([]);
  const [onGpu, onCpu] = [gpu, cpu].map(
    ({ out }) => JSON.parse(out[0] ?? "") as Record<string, unknown>,
  );
  expect(onGpu?.["device"]).toBe("webgpu");
  expect(onCpu?.["device"]).toBe("wasm");
  expect(onGpu?.["tokenIds"]).toEqual(onCpu?.["tokenIds"]);
});
